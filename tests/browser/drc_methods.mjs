// What a page or a program can do with the client of DRC, in Node: SERVER-URL ORIGIN TOKEN.
// It runs with Node's own WebSocket, and again with that of the package ws.

import assert from "node:assert/strict";
import { setTimeout as sleep } from "node:timers/promises";
import WebSocketOfPackage from "ws";
import { Channel, DRCClient, DRCError } from "../../clients/js/src/index.js";

const [url, origin, secret] = process.argv.slice(2);
const PATIENCE_MS = 15_000;

let WebSocketClass;
const clients = [];
process.on("unhandledRejection", (reason) => {
  throw reason;
});

/** A client that writes down its events as [name, first value]. */
function connect(options) {
  const client = new DRCClient(url, { origin, WebSocket: WebSocketClass, ...options });
  clients.push(client);
  client.seen = [];
  const names = [
    "connect", "disconnect", "joined", "left", "message", "error", "unhandled", "refused",
  ];
  for (const name of names) {
    client.addEventListener(name, (value) => client.seen.push([name, value]));
  }
  return client;
}

const names = (client) => client.seen.map(([name]) => name);

/** The first value of the first event `name` that `condition` holds for, seen or to come. */
async function event(client, name, condition = () => true) {
  const end = performance.now() + PATIENCE_MS;
  while (performance.now() < end) {
    const found = client.seen.find(([seen, value]) => seen === name && condition(value));
    if (found) return found[1];
    await sleep(5);
  }
  throw new Error(`no ${name}; seen: ${JSON.stringify(client.seen)}`);
}

const refusedWith = (code) => (error) => {
  assert.ok(error instanceof DRCError, String(error));
  assert.equal(error.code, code);
  return true;
};

/** An authority and a client with a grant of mode 1, both in a channel. */
async function pair(room) {
  const authority = connect();
  const sender = await authority.JoinChannel(room, "chat", secret, false);
  const token = await authority.CreateToken(secret, room, "chat", 1, { name: "Ann" });
  const guest = connect();
  const receiver = await guest.JoinChannel(room, "chat", token, false);
  await event(authority, "joined", ({ id }) => id === guest.GetClientID());
  return { authority, sender, guest, receiver };
}

/** What pages of the original do: numbers, events, and promises that nobody looks at. */
async function theOriginalsWay() {
  const client = connect();
  client.addEventListener("connect", function () {
    assert.equal(this, client);
    this.CreateToken(secret, "Old-Room", "chat", 2);
    this.JoinChannel("Old-Room", "chat", secret);
  });
  const granted = await event(client, "unhandled", ({ cmd }) => cmd === "GRANTED");
  assert.equal(granted.channelname, "Old-Room");
  const joined = await event(client, "joined");
  assert.deepEqual(names(client), ["connect", "unhandled", "joined"]);

  const { channel } = joined;
  assert.equal(client.GetClientID(), joined.id);
  assert.equal(client.GetChannel(channel), joined);
  assert.deepEqual(client.GetChannels(), { [channel]: joined });
  assert.equal(client.GetRandomAuthClientID(channel), String(joined.id));
  assert.equal(client.GetRandomAuthClientID(channel + 1), false);

  client.SendCommand(channel, "hello", -1, { text: "all", to: 5, cmd: "other" });
  const toAll = await event(client, "message", ({ cmd }) => cmd === "hello");
  assert.deepEqual([toAll.text, toAll.from, toAll.to], ["all", joined.id, undefined]);
  client.SendCommandToAuthClients(channel, "authorities");
  await event(client, "message", ({ cmd }) => cmd === "authorities");
  client.SetExtra(channel, joined.id, { nick: "x" });
  await event(client, "message", ({ cmd }) => cmd === "SET_EXTRA");
  assert.deepEqual(client.GetChannel(channel).clients[joined.id].extra, { nick: "x" });

  client.JoinChannel("Old-Room", "chat", "wrong", false);
  assert.equal((await event(client, "error")).errorcode, "access_denied");
  client.LeaveChannel(channel);
  await event(client, "left", ({ id }) => id === joined.id);
  await sleep(0);
  assert.equal(client.GetChannel(channel), undefined);
}

async function aGuestAndAnAuthority() {
  const { authority, sender, guest, receiver } = await pair("Pair");
  assert.ok(receiver instanceof Channel);
  assert.deepEqual([receiver.name, receiver.protocol, receiver.state], ["Pair", "chat", "joined"]);
  assert.deepEqual(receiver.info, { auth: false, mode: 1, extra: { name: "Ann" } });
  assert.equal(receiver.randomAuthority(), sender.clientId);
  assert.deepEqual([...sender.clients.keys()].sort(), [sender.clientId, receiver.clientId].sort());

  receiver.send("question", -1, { n: 1 });
  receiver.sendToAuthorities("question", { n: 2 });
  receiver.send("question", sender.clientId, { n: 3 });
  await event(authority, "message", ({ n }) => n === 3);
  const questions = authority.seen.filter(([name]) => name === "message").map(([, { n }]) => n);
  assert.deepEqual(questions, [1, 2, 3]);
  assert.deepEqual(names(guest).filter((name) => name === "error"), []);

  await sender.setExtra(receiver.clientId, { name: "Bea" });
  assert.deepEqual(sender.clients.get(receiver.clientId).extra, { name: "Bea" });

  const { clientId } = receiver;
  await receiver.leave();
  await event(authority, "left", ({ id }) => id === clientId);
  assert.deepEqual([receiver.state, receiver.number, receiver.clients.size], ["left", 0, 0]);
  assert.equal(sender.clients.has(clientId), false);
}

async function refusals() {
  const { sender, guest, receiver } = await pair("Refusals");
  await assert.rejects(guest.JoinChannel("Elsewhere", "chat", "wrong", false),
    refusedWith("access_denied"));
  await assert.rejects(guest.CreateToken("wrong", "Refusals", "chat", 0),
    refusedWith("access_denied"));
  await assert.rejects(guest.JoinChannel("", "chat"), refusedWith("missing_invalid_channel"));
  await assert.rejects(receiver.setExtra(sender.clientId, {}), refusedWith("access_denied"));
  await assert.rejects(sender.setExtra(1e9, {}), refusedWith("invalid_id"));
  await assert.rejects(guest.LeaveChannel(1e9), refusedWith("invalid_channel"));
  const failingToken = () => {
    throw new Error("nobody is at home");
  };
  await assert.rejects(guest.JoinChannel("Elsewhere", "chat", failingToken, false), (error) => {
    assert.equal(error.cause.message, "nobody is at home");
    return refusedWith("token_failed")(error);
  });

  // Commands are refused by an event, and do not confuse what else is being answered.
  const before = guest.seen.length;
  receiver.send("hello", 1e9);
  guest.SendCommand(1e9, "hello", -1);
  guest.SendCommand(receiver, "LEFT", -1);
  const left = receiver.leave();
  receiver.send("hello", -1);
  await left;
  const codes = guest.seen.slice(before).map(([name, { errorcode }]) => errorcode ?? name);
  assert.deepEqual(codes.sort(),
    ["invalid_channel", "invalid_to", "left", "missing_invalid_cmd", "not_joined"]);
}

async function listenersCanBeRemoved() {
  const { authority, sender, receiver } = await pair("Listeners");
  const calls = [];
  const removed = ({ n }) => calls.push(`removed ${n}`);
  receiver.addEventListener("message", removed);
  const remove = receiver.addEventListener("message", ({ n }) => calls.push(`returned ${n}`));
  const last = new Promise((resolve) => {
    receiver.addEventListener("message", ({ n }) => n === 2 && resolve());
  });
  sender.send("tick", -1, { n: 1 });
  receiver.send("hello", sender.clientId);
  await event(authority, "message", ({ cmd }) => cmd === "hello");
  while (calls.length < 2) await sleep(5);
  receiver.removeEventListener("message", removed);
  remove();
  sender.send("tick", -1, { n: 2 });
  await last;
  assert.deepEqual(calls, ["removed 1", "returned 1"]);
}

/** All of it is asked for before there is any connection. */
async function whatIsAskedForEarlyWaits() {
  const client = connect();
  const token = client.CreateToken(secret, "Early", "chat", 0);
  const joined = client.JoinChannel("Early", "chat", secret, false);
  const again = client.JoinChannel("Early", "chat", () => secret, false);
  assert.deepEqual([client.GetChannels(), client.GetClientID()], [{}, false]);
  await client.connect();
  assert.match(await token, /./);
  assert.equal(await joined, await again);
}

async function aTokenCanBeFetched() {
  const authority = connect();
  await authority.JoinChannel("Fetched", "chat", secret, false);
  const client = connect();
  const asked = [];
  const fetchToken = async (request) => {
    asked.push(request);
    await sleep(20);
    return authority.CreateToken(secret, "Fetched", "chat", 2);
  };
  const channel = await client.JoinChannel("Fetched", "chat", fetchToken, false);
  assert.deepEqual(asked, [{ channelname: "Fetched", protocol: "chat", rejoin: false }]);
  channel.send("hello", -1);
  await event(authority, "message", ({ cmd }) => cmd === "hello");
}

async function closeEndsForGood() {
  const { guest, receiver, authority } = await pair("Close");
  const unanswered = guest.CreateToken(secret, "Close", "chat", 0);
  guest.close();
  guest.close();
  assert.equal(names(guest).filter((name) => name === "disconnect").length, 1);
  assert.equal((await event(guest, "disconnect")).retryIn, null);
  await assert.rejects(unanswered, DRCError);
  await event(authority, "left");
  assert.deepEqual([receiver.state, guest.GetChannels()], ["left", {}]);
  await assert.rejects(guest.connect(), refusedWith("closed"));
  await assert.rejects(guest.JoinChannel("Close", "chat"), refusedWith("closed"));
  guest.SendCommand(1, "hello", -1);
  assert.equal(guest.seen.at(-1)[1].errorcode, "closed");

  const early = connect();
  const joining = early.JoinChannel("Close", "chat", secret);
  early.close();
  await assert.rejects(joining, refusedWith("closed"));
  await sleep(50);
  assert.equal(names(early).includes("connect"), false);
}

/** The server wants to know an origin; without one there is no connection, only attempts. */
async function withoutAnOriginThereIsNoConnection() {
  const client = connect({ origin: undefined, reconnect: { first: 10, longest: 20 } });
  while (names(client).length < 3) await sleep(5);
  assert.deepEqual([...new Set(names(client))], ["disconnect"]);
  assert.equal(client.seen[0][1].wasOpen, false);
  client.close();
}

const SCENES = [
  theOriginalsWay,
  aGuestAndAnAuthority,
  refusals,
  listenersCanBeRemoved,
  whatIsAskedForEarlyWaits,
  aTokenCanBeFetched,
  closeEndsForGood,
  withoutAnOriginThereIsNoConnection,
];

for (WebSocketClass of [globalThis.WebSocket, WebSocketOfPackage]) {
  for (const scene of SCENES) {
    console.log(scene.name);
    await scene();
    for (const client of clients.splice(0)) client.close();
  }
}
console.log("done");
