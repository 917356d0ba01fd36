import assert from "node:assert/strict";
import { test } from "node:test";
import { openWebSocket } from "../src/common/websocket.js";

class Recorded {
  constructor(...values) {
    this.values = values;
  }
}

/** As though this were a page, until the test ends. */
function bePage(context, href) {
  globalThis.location = new URL(href);
  context.after(() => delete globalThis.location);
}

test("a page says nothing about its origin, which is its browser's business", (context) => {
  bePage(context, "http://127.0.0.1/");
  const options = { WebSocket: Recorded, origin: "http://example.com" };
  assert.deepEqual(openWebSocket("ws://a/", options).values, ["ws://a/"]);
});

test("a page may give an address relative to its own", (context) => {
  bePage(context, "https://example.com:8000/some/page?x#y");
  const resolved = (url) => openWebSocket(url, { WebSocket: Recorded }).values[0];
  assert.equal(resolved("/drc"), "wss://example.com:8000/drc");
  assert.equal(resolved("http://a/b"), "ws://a/b");
  assert.equal(resolved("wss://a/b?c"), "wss://a/b?c");
});

test("a program says which origin it wants to have", () => {
  const options = { WebSocket: Recorded, origin: "http://example.com" };
  const header = { headers: { Origin: "http://example.com" } };
  assert.deepEqual(openWebSocket("ws://a/", options).values, ["ws://a/", header]);
  assert.deepEqual(openWebSocket("ws://a/", { WebSocket: Recorded }).values, ["ws://a/"]);
});

test("without any WebSocket the error says what to do", () => {
  assert.throws(() => openWebSocket("ws://a/", { WebSocket: null }), /as the option WebSocket/);
});
