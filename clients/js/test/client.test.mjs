// The client with a socket whose events come at moments that no real one can be made to choose.
// Everything else about it is tried with the real server (tests/js_client.rs).

import assert from "node:assert/strict";
import { test } from "node:test";
import { DRCClient } from "../src/drc.js";

/** A WebSocket class that keeps its last object in `latest`, which does what it is told. */
function socketClass() {
  return class Socket extends EventTarget {
    static latest = null;
    sent = [];

    constructor() {
      super();
      this.constructor.latest = this;
    }

    send(text) {
      this.sent.push(JSON.parse(text));
    }

    close() {}

    open() {
      this.dispatchEvent(new Event("open"));
    }

    /** All in one go. */
    give(...messages) {
      for (const message of messages) {
        const data = typeof message === "string" ? message : JSON.stringify(message);
        this.dispatchEvent(Object.assign(new Event("message"), { data }));
      }
    }

    lose() {
      this.dispatchEvent(Object.assign(new Event("close"), { code: 1006, reason: "" }));
    }
  };
}

function connect(context, options) {
  const Socket = socketClass();
  const client = new DRCClient("ws://unused/", { WebSocket: Socket, ...options });
  context.after(() => client.close());
  return { client, Socket };
}

const info = { auth: false, mode: 0, extra: {} };
const joined = (channel, id = 1) => ({
  channel, success: true, cmd: "JOINED", from: 0, id, info,
  channelname: "Room", protocol: "chat", clients: { [id]: info },
});
const said = (n) => ({ channel: 4, success: true, from: 2, cmd: "news", n });
const denied = { channel: 0, success: false, error: "no", errorcode: "access_denied" };

test("who waits for a channel gets what is sent right after it", async (context) => {
  const { client, Socket } = connect(context);
  Socket.latest.open();
  const heard = [];
  const joining = (async () => {
    const channel = await client.JoinChannel("Room", "chat", "token");
    channel.addEventListener("message", ({ n }) => heard.push(n));
  })();
  Socket.latest.give(joined(4), said(1), said(2));
  await joining;
  Socket.latest.give(said(3));
  await new Promise((resolve) => setTimeout(resolve, 5));
  Socket.latest.give(said(4));
  assert.deepEqual(heard, [1, 2, 3, 4]);
});

test("what was held back is heard before the line is said to be lost", (context) => {
  const { client, Socket } = connect(context);
  const events = [];
  for (const name of ["joined", "message", "disconnect"]) {
    client.addEventListener(name, () => events.push(name));
  }
  Socket.latest.open();
  client.JoinChannel("Room", "chat", "token");
  Socket.latest.give(joined(4), said(1));
  Socket.latest.lose();
  assert.deepEqual(events, ["joined", "message", "disconnect"]);
});

test("a listener of connect that joins what is joined again anyway sends it once", (context) => {
  const { client, Socket } = connect(context, { reconnect: { first: 0, longest: 0 } });
  client.addEventListener("connect", () => client.JoinChannel("Room", "chat", "mine"));
  Socket.latest.open();
  Socket.latest.give(joined(4));
  const first = Socket.latest;
  first.lose();
  return new Promise((resolve) => setTimeout(resolve, 20)).then(() => {
    assert.notEqual(Socket.latest, first);
    Socket.latest.open();
    assert.deepEqual(Socket.latest.sent,
      [{ cmd: "JOIN", channel: "Room", protocol: "chat", token: "mine" }]);
  });
});

test("a channel that is left before the answer comes is left when it comes", async (context) => {
  const { client, Socket } = connect(context, { reconnect: { first: 0, longest: 0 } });
  Socket.latest.open();
  const joining = client.JoinChannel("Room", "chat", "token");
  Socket.latest.give(joined(4));
  const channel = await joining;
  Socket.latest.lose();
  await new Promise((resolve) => setTimeout(resolve, 20));
  Socket.latest.open();
  await channel.leave();
  Socket.latest.give(joined(8));
  assert.deepEqual(Socket.latest.sent.map(({ cmd }) => cmd), ["JOIN", "LEAVE"]);
  assert.equal(Socket.latest.sent[1].channel, 8);
});

test("an old socket is not heard any more", async (context) => {
  const { client, Socket } = connect(context, { reconnect: { first: 0, longest: 0 } });
  const old = Socket.latest;
  old.open();
  old.lose();
  await new Promise((resolve) => setTimeout(resolve, 20));
  Socket.latest.open();
  client.JoinChannel("Room", "chat", "token");
  Socket.latest.give(joined(4));
  old.give(said(1));
  old.lose();
  assert.equal(client.GetChannel(4).id, 1);
});

test("an attempt that never ends is given up", async (context) => {
  const { client, Socket } = connect(context, {
    connectTimeout: 5,
    reconnect: { first: 0, longest: 0 },
  });
  const first = Socket.latest;
  const reason = await new Promise((resolve) =>
    client.addEventListener("disconnect", ({ reason }) => resolve(reason)));
  assert.equal(reason, "the server did not answer in time");
  await new Promise((resolve) => setTimeout(resolve, 5));
  assert.notEqual(Socket.latest, first);
});

test("a server that accepts and drops is asked more and more slowly", async (context) => {
  context.mock.method(Math, "random", () => 1);
  const { client, Socket } = connect(context, { reconnect: { first: 1, longest: 1_000 } });
  const waits = [];
  client.addEventListener("disconnect", ({ retryIn }) => waits.push(retryIn));
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const socket = Socket.latest;
    socket.open();
    socket.lose();
    while (Socket.latest === socket) await new Promise((resolve) => setTimeout(resolve, 1));
  }
  assert.deepEqual(waits, [1, 2, 4, 8, 16]);
});

test("a re-join with the same token is given up in the end, and can be asked for anew",
  async (context) => {
    const { client, Socket } = connect(context, {
      reconnect: { first: 0, longest: 0 },
      rejoin: { first: 1, longest: 1, patience: 0 },
    });
    client.addEventListener("error", () => {});
    Socket.latest.open();
    const joining = client.JoinChannel("Room", "chat", "granted");
    Socket.latest.give(joined(4));
    const channel = await joining;
    Socket.latest.lose();
    await new Promise((resolve) => setTimeout(resolve, 20));
    channel.send("hello", -1);
    const refused = [];
    channel.addEventListener("refused", (refusal) => refused.push(refusal));
    const errors = [];
    client.addEventListener("error", ({ errorcode }) => errors.push(errorcode));
    Socket.latest.open();
    Socket.latest.give(denied);
    assert.deepEqual(refused.map(({ error, retryIn }) => [error.code, retryIn]),
      [["access_denied", null]]);
    assert.equal(channel.state, "lost");
    // What waited for the channel is not lost silently.
    assert.deepEqual(errors, ["access_denied", "access_denied"]);

    const again = client.JoinChannel("Room", "chat", "new");
    assert.equal(Socket.latest.sent.at(-1).token, "new");
    Socket.latest.give(joined(9, 2));
    assert.equal(await again, channel);
    assert.deepEqual([channel.state, channel.number, channel.clientId], ["joined", 9, 2]);
  });

test("what waits is bounded", (context) => {
  const { client, Socket } = connect(context, { queueLimit: 2 });
  const errors = [];
  client.addEventListener("error", ({ errorcode }) => errors.push(errorcode));
  for (let n = 0; n < 3; n += 1) client.SendCommand(1, "hello", -1, { n });
  assert.deepEqual(errors, ["queue_full"]);
  Socket.latest.open();
  assert.deepEqual(Socket.latest.sent.map(({ n }) => n), [0, 1]);
});

test("grants are asked for again, what was left is left, and extra is not set", async (context) => {
  const { client, Socket } = connect(context, { reconnect: { first: 0, longest: 0 } });
  Socket.latest.open();
  client.JoinChannel("Room", "chat", "token");
  Socket.latest.give(joined(4));
  await new Promise((resolve) => setTimeout(resolve, 1));
  const token = client.CreateToken(false, "Room", "chat", 0);
  const extra = client.SetExtra(4, 1, {});
  const left = client.LeaveChannel(4);
  Socket.latest.lose();
  await assert.rejects(extra, { code: "connection_lost" });
  await left;
  await new Promise((resolve) => setTimeout(resolve, 20));
  Socket.latest.open();
  assert.deepEqual(Socket.latest.sent.map(({ cmd }) => cmd), ["GRANT"]);
  const granted = { cmd: "GRANTED", token: "t", channelname: "Room", protocol: "chat" };
  Socket.latest.give({ channel: 0, success: true, ...granted });
  assert.equal(await token, "t");
});

test("what is no message is an error, and binary messages are read too", (context) => {
  const { client, Socket } = connect(context);
  const seen = [];
  client.addEventListener("error", ({ errorcode }) => seen.push(errorcode));
  client.addEventListener("unhandled", ({ cmd }) => seen.push(cmd));
  Socket.latest.open();
  Socket.latest.give("", "{", "null", "5");
  const bytes = new TextEncoder().encode(JSON.stringify(said(1))).buffer;
  Socket.latest.dispatchEvent(Object.assign(new Event("message"), { data: bytes }));
  assert.deepEqual(seen, [...Array(4).fill("invalid_message"), "news"]);
});
