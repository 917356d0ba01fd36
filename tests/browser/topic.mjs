// A page of another origin exchanges messages with a client that the test runs, which returns
// every message with "re: " before it: CHROMIUM SERVER-HOST.

import assert from "node:assert/strict";
import { createServer } from "node:http";
import { once } from "node:events";
import { watch, withBrowser } from "./browser.mjs";

const [executable, host] = process.argv.slice(2);

const pages = createServer((request, response) => {
  response.setHeader("Content-Type", "text/html");
  response.end('<!doctype html><title>Topic</title><link rel="icon" href="data:,">');
});
pages.listen(0, "127.0.0.1");
await once(pages, "listening");
const origin = `http://127.0.0.1:${pages.address().port}`;

/** Runs in the page. Returns what came back, and how the connection ended. */
async function exchange(address) {
  // The subprotocol that pages of the original used.
  const socket = new WebSocket(address, "null");
  socket.binaryType = "arraybuffer";
  const next = (name) => new Promise((resolve, reject) => {
    socket.addEventListener(name, resolve, { once: true });
    socket.addEventListener("error", () => reject(new Error("the connection failed")));
  });
  const answer = async (message) => {
    const answered = next("message");
    socket.send(message);
    return (await answered).data;
  };

  await next("open");
  const text = await answer("Grüße");
  const binary = [...new Uint8Array(await answer(new Uint8Array([0, 255, 128])))];
  const empty = await answer("");
  const large = (await answer("x".repeat(1_000_000))).length;
  const ended = next("close");
  socket.close(4000, "done");
  // The server returns the code; the reason is not for itself.
  const { code, wasClean } = await ended;
  return { text, binary, empty, large, protocol: socket.protocol, code, wasClean };
}

try {
  await withBrowser(executable, async (context) => {
    const page = await context.newPage();
    await page.goto(origin);
    const faults = watch(page, host);
    const result = await page.evaluate(exchange, `ws://${host}/browser`);
    assert.deepEqual(result, {
      text: "re: Grüße",
      binary: [..."re: "].map((letter) => letter.charCodeAt(0)).concat([0, 255, 128]),
      empty: "re: ",
      large: 1_000_004,
      protocol: "null",
      code: 4000,
      wasClean: true,
    });
    faults.assertNone();
  });
} finally {
  pages.close();
}
