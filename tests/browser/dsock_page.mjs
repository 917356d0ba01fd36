// A page that gets a claim from its back end, connects with it and is sent something by that back
// end: CHROMIUM FANTAIL-URL TOKEN. The back end is this script.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { DSockClient } from "../../clients/js/src/dsock.js";
import { withBrowser } from "./browser.mjs";

const [executable, url, token] = process.argv.slice(2);
const dsock = new DSockClient(url, { token });

const PAGE = `<!doctype html><title>dSock</title><link rel="icon" href="data:,"><script>
  window.seen = [];
  (async () => {
    const { id } = await (await fetch("/claim", { method: "POST" })).json();
    const socket = new WebSocket("${url.replace(/^http/, "ws")}/connect?claim=" + id);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => seen.push(socket.extensions.split(";")[0]);
    socket.onclose = ({ code, wasClean }) => seen.push([code, wasClean]);
    socket.onmessage = ({ data }) =>
      seen.push(typeof data === "string" ? data : [...new Uint8Array(data)]);
  })();
</script>`;

const backEnd = createServer(async (request, response) => {
  if (request.method !== "POST") {
    response.setHeader("Content-Type", "text/html; charset=utf-8").end(PAGE);
    return;
  }
  const claim = await dsock.createClaim({ user: "ann", session: "browser", channels: ["news"] });
  response.setHeader("Content-Type", "application/json").end(JSON.stringify(claim));
}).listen(0, "127.0.0.1");
await once(backEnd, "listening");

await withBrowser(executable, async (context) => {
  const page = await context.newPage();
  page.on("pageerror", (error) => {
    console.error(`in the page: ${error.stack}`);
    process.exitCode = 1;
  });
  await page.goto(`http://127.0.0.1:${backEnd.address().port}/`);
  const sees = (count) => page.waitForFunction((count) => seen.length >= count, count);
  await sees(1);
  const { claims, connections } = await dsock.info({ user: "ann" });
  assert.deepEqual([claims.length, connections.length], [0, 1]);

  const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
  // Long enough to be compressed.
  const morning = "good morning ☀ ".repeat(50);
  await dsock.send({ user: "ann", data: morning });
  await dsock.send({ channel: "news", data: bytes });
  await dsock.subscribe("sport", { user: "ann", session: "browser" });
  await dsock.send({ channel: "sport", data: "1:0" });
  await dsock.send({ id: connections[0].id, data: "only you" });
  await dsock.unsubscribe("news", { user: "ann" });
  await dsock.send({ channel: "news", data: "unheard" });
  await dsock.disconnect({ user: "ann" });
  await sees(6);
  const [extension, ...rest] = await page.evaluate(() => seen);
  assert.equal(extension, "permessage-deflate");
  assert.deepEqual(rest, [morning, [...bytes], "1:0", "only you", [1000, true]]);
});
backEnd.closeAllConnections();
backEnd.close();
console.log("done");
