// The npm package `ws` and a server that compresses: every message comes back as it was sent.
//
// usage: node compression.mjs WS_URL

import { createRequire } from "node:module";
import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { once } from "node:events";

const WebSocket = createRequire(import.meta.url)("ws");
const [url] = process.argv.slice(2);

const offers = [
  { threshold: 0 },
  { threshold: 0, serverMaxWindowBits: 10, clientMaxWindowBits: 10 },
  { threshold: 0, serverNoContextTakeover: true, clientNoContextTakeover: true },
];
const messages = [
  Buffer.from("x"),
  Buffer.from("so it goes, and on, ".repeat(5000)),
  Buffer.alloc(700_000),
  randomBytes(50_000),
];

for (const perMessageDeflate of offers) {
  const socket = new WebSocket(url, { perMessageDeflate });
  await once(socket, "open");
  assert.match(socket.extensions, /permessage-deflate/);
  for (const message of messages) {
    socket.send(message);
    const [echo] = await once(socket, "message");
    assert.ok(message.equals(echo), `${message.length} bytes`);
  }
  socket.close(1000);
  const [code] = await once(socket, "close");
  assert.equal(code, 1000);
}
console.log("done");
