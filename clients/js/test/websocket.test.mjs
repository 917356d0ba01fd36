import assert from "node:assert/strict";
import { test } from "node:test";
import { openWebSocket } from "../src/common/websocket.js";

class Recorded {
  constructor(...values) {
    this.values = values;
  }
}

test("a page says nothing about its origin, which is its browser's business", (context) => {
  const options = { WebSocket: Recorded, origin: "http://example.com" };
  globalThis.location = { origin: "http://127.0.0.1" };
  context.after(() => delete globalThis.location);
  assert.deepEqual(openWebSocket("ws://a/", options).values, ["ws://a/"]);
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
