import assert from "node:assert/strict";
import { test } from "node:test";
import { TopicClient } from "../src/topics.js";
import { readNumbered } from "../src/topics/numbered.js";

const bytes = (...numbers) => new Uint8Array(numbers).buffer;

test("messages are told from their ids", () => {
  for (const [received, expected] of [
    ["1795210500624162\nhello", { id: 1795210500624162, data: "hello" }],
    ["1\n", { id: 1, data: "" }],
    ["1\na\nb", { id: 1, data: "a\nb" }],
    ["17", { id: 17 }],
    ["", null],
    ["hello\nworld", null],
    ["-1\nx", null],
    ["9999999999999999\nx", null],
    [bytes(49, 50, 10, 0, 255), { id: 12, data: bytes(0, 255) }],
    [bytes(49, 10), { id: 1, data: bytes() }],
    [bytes(49, 50), null],
    [bytes(), null],
  ]) {
    assert.deepEqual(readNumbered(received), expected);
  }
});

/** A WebSocket that does what its test says. */
class FakeSocket extends EventTarget {
  static all = [];
  sent = [];

  constructor(url) {
    super();
    this.url = new URL(url);
    FakeSocket.all.push(this);
  }

  get query() {
    return Object.fromEntries(this.url.searchParams);
  }

  open() {
    this.dispatchEvent(new Event("open"));
  }

  receive(data) {
    this.dispatchEvent(Object.assign(new Event("message"), { data }));
  }

  end() {
    this.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
  }

  send(data) {
    this.sent.push(data);
  }

  close() {}
}

const start = (options) => {
  FakeSocket.all = [];
  const client = new TopicClient("ws://server/chat?room=1", {
    WebSocket: FakeSocket,
    reconnect: { first: 1, longest: 1 },
    ...options,
  });
  const seen = [];
  client.addEventListener("message", ({ id, data }) => seen.push([id, data]));
  client.addEventListener("current", ({ id }) => seen.push(id));
  return { client, seen };
};

const nextSocket = async () => {
  const count = FakeSocket.all.length;
  while (FakeSocket.all.length === count) await new Promise((resolve) => setTimeout(resolve, 1));
  return FakeSocket.all.at(-1);
};

test("it goes on where it was, and hears nothing twice", async () => {
  const { client, seen } = start({ last: 2 });
  const [first] = FakeSocket.all;
  assert.deepEqual(first.query, { room: "1", ids: "1", last: "2" });
  first.open();
  for (const data of ["5\na", "7\nb", "9", "12\nc"]) first.receive(data);
  assert.equal(client.since, 12);
  first.end();
  const second = await nextSocket();
  assert.deepEqual(second.query, { room: "1", ids: "1", since: "12" });
  second.open();
  for (const data of ["12\nc", "13\nd", "14"]) second.receive(data);
  client.close();
  assert.deepEqual(seen, [[5, "a"], [7, "b"], 9, [12, "c"], [13, "d"], 14]);
});

test("who has heard nothing yet goes on from where it came in", async () => {
  const { client } = start({});
  FakeSocket.all[0].open();
  FakeSocket.all[0].receive("20");
  FakeSocket.all[0].end();
  const { query } = await nextSocket();
  client.close();
  assert.deepEqual(query, { room: "1", ids: "1", since: "20" });
});

test("a page that is loaded again goes on from what it has stored", () => {
  const items = new Map();
  const storage = { getItem: (key) => items.get(key) ?? null, setItem: (k, v) => items.set(k, v) };
  for (const [options, since] of [
    [{ last: 5 }, undefined],
    [{ last: 5 }, "8"],
    [{ since: 3 }, "8"],
    [{ since: 3, storageKey: "another" }, "3"],
  ]) {
    const { client } = start({ storage, ...options });
    assert.equal(FakeSocket.all[0].query.since, since);
    FakeSocket.all[0].open();
    FakeSocket.all[0].receive("8\nx");
    client.close();
  }
});

test("the token goes first, a new one for each line", async () => {
  let tokens = 0;
  const { client, seen } = start({ token: async () => `token ${(tokens += 1)}` });
  const reasons = [];
  client.addEventListener("refused", ({ reason }) => reasons.push(reason));
  const [first] = FakeSocket.all;
  first.open();
  assert.equal(client.send("too early"), false);
  await Promise.resolve();
  await Promise.resolve();
  assert.deepEqual(first.sent, ["token 1"]);
  first.receive('{"topic":"/chat","token":"token 1","authorised":false,"reason":"too old"}');
  first.end();
  const second = await nextSocket();
  second.open();
  await Promise.resolve();
  await Promise.resolve();
  second.receive('{"topic":"/chat","token":"token 2","authorised":true,"reason":"ok"}');
  second.receive("1\na");
  assert.equal(client.send("b"), true);
  client.close();
  assert.deepEqual([reasons, second.sent, seen], [["too old"], ["token 2", "b"], [[1, "a"]]]);
});
