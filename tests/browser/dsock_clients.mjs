// Clients that connect with claims and write down what they get, with Node's own WebSocket.

import { setTimeout as sleep } from "node:timers/promises";

const PATIENCE_MS = 10_000;

/** Connects to an http:// address; resolves when the connection is open. */
export async function connectWith(url, claim) {
  const address = `${url.replace(/^http/, "ws")}/connect?claim=${encodeURIComponent(claim.id)}`;
  const socket = new WebSocket(address);
  socket.binaryType = "arraybuffer";
  const client = { seen: [], closeCode: null };
  socket.onmessage = ({ data }) => client.seen.push(data);
  socket.onclose = ({ code }) => (client.closeCode = code);
  await new Promise((resolve, reject) => {
    socket.onopen = resolve;
    socket.onerror = () => reject(new Error("cannot connect"));
  });
  return client;
}

export async function waitUntil(what, condition) {
  const end = performance.now() + PATIENCE_MS;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await sleep(5);
  }
}
