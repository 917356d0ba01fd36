// Every call of the client of dSock's API, against the real server: URL TOKEN.

import assert from "node:assert/strict";
import { DSockClient } from "../../clients/js/src/index.js";
import { connectWith, waitUntil } from "./dsock_clients.mjs";

const [url, token] = process.argv.slice(2);
const dsock = new DSockClient(`${url}/`, { token });

const now = () => Math.floor(Date.now() / 1000);
const connect = async (options) => connectWith(url, await dsock.createClaim(options));

/** Names with everything in them that has a meaning in URLs, headers or paths. */
const AWKWARD = "ä b+c&d=e%41#f?g;h\"i\\j'k😀";

async function claims() {
  const plain = await dsock.createClaim({ user: "claims" });
  assert.match(plain.id, /^\w{32}$/);
  assert.deepEqual({ ...plain, id: "", expiration: 0 }, {
    id: "", user: "claims", channels: [], expiration: 0,
  });
  assert.ok(Math.abs(plain.expiration - now() - 60) <= 5);

  const short = await dsock.createClaim({
    user: "claims", session: AWKWARD, id: AWKWARD, channels: [AWKWARD, "b"], duration: 30,
  });
  assert.ok(Math.abs(short.expiration - now() - 30) <= 5);
  assert.deepEqual(short, {
    id: AWKWARD, user: "claims", session: AWKWARD, channels: [AWKWARD, "b"],
    expiration: short.expiration,
  });
  const expiration = now() + 1000;
  const long = await dsock.createClaim({ user: "claims", expiration });
  assert.equal(long.expiration, expiration);

  const { claims, connections } = await dsock.info({ user: "claims" });
  const byId = (a, b) => (a.id < b.id ? -1 : 1);
  assert.deepEqual(claims.sort(byId), [plain, short, long].sort(byId));
  assert.deepEqual(connections, []);
  const client = await connectWith(url, short);
  assert.equal((await dsock.info({ user: "claims", session: AWKWARD })).claims.length, 0);
  await dsock.send({ channel: AWKWARD, data: AWKWARD });
  await waitUntil("a message by an awkward name", () => client.seen.length === 1);
  assert.equal(client.seen[0], AWKWARD);
}

async function messages() {
  const all = Uint8Array.from({ length: 512 }, (_, index) => index);
  const view = all.subarray(256, 512);
  const client = await connect({ user: "messages" });
  const target = { user: "messages" };
  const large = "x".repeat(500_000);
  const sent = ["hellö", "", view, view.slice().buffer, Buffer.from(view), new DataView(all.buffer, 256),
    new Uint16Array([0x0201]), new Uint8Array(0), large];
  for (const data of sent) await dsock.send({ ...target, data });
  await waitUntil("all messages", () => client.seen.length === sent.length);
  const shown = client.seen.map((data) => (typeof data === "string" ? data : [...new Uint8Array(data)]));
  const bytes = Array.from({ length: 256 }, (_, index) => index);
  assert.deepEqual(shown, ["hellö", "", bytes, bytes, bytes, bytes, [1, 2], [], large]);
}

async function targets() {
  const left = await connect({ user: "targets", session: "left", channels: ["room"] });
  const right = await connect({ user: "targets", session: "right", channels: ["room"] });
  const other = await connect({ user: "other", session: "left", channels: ["room"] });
  const { connections } = await dsock.info({ user: "targets", session: "right" });
  assert.equal(connections.length, 1);
  const [{ id, lastPing, worker, ...rest }] = connections;
  assert.deepEqual(rest, { user: "targets", session: "right", channels: ["room"] });
  assert.ok(Math.abs(lastPing - now()) <= 10 && worker.length === 36);
  assert.deepEqual((await dsock.info({ id })).connections[0].session, "right");
  assert.equal((await dsock.info({ channel: "room" })).connections.length, 3);

  await dsock.send({ id, data: "id" });
  await dsock.send({ user: "targets", data: "user" });
  await dsock.send({ user: "targets", session: "left", data: "session" });
  await dsock.send({ channel: "room", data: "channel" });
  await dsock.send({ channel: "room", session: "left", data: "both" });
  await dsock.send({ user: "nobody", data: "nothing" });
  await dsock.send({ channel: "room", data: "end" });
  await waitUntil("the last message", () =>
    [left, right, other].every(({ seen }) => seen.includes("end")));
  assert.deepEqual(left.seen, ["user", "session", "channel", "both", "end"]);
  assert.deepEqual(right.seen, ["id", "user", "channel", "end"]);
  assert.deepEqual(other.seen, ["channel", "both", "end"]);
}

async function channels() {
  await connect({ user: "channels" });
  await dsock.createClaim({ user: "channels", channels: ["old"] });
  const target = { user: "channels" };
  const seen = async () => {
    const { claims, connections } = await dsock.info(target);
    return [connections[0].channels, claims[0].channels];
  };
  assert.deepEqual(await seen(), [[], ["old"]]);
  await dsock.subscribe("new", target);
  assert.deepEqual(await seen(), [["new"], ["old", "new"]]);
  await dsock.subscribe(["a", AWKWARD], { ...target, ignoreClaims: true });
  assert.deepEqual(await seen(), [["new", "a", AWKWARD], ["old", "new"]]);
  await dsock.unsubscribe([AWKWARD, "new"], { ...target, ignoreClaims: false });
  assert.deepEqual(await seen(), [["a"], ["old"]]);
  await dsock.unsubscribe("old", { ...target, ignoreClaims: true });
  assert.deepEqual(await seen(), [["a"], ["old"]]);
  for (const dots of [".", ".."]) {
    await dsock.subscribe(dots, { ...target, ignoreClaims: true });
    assert.deepEqual(await seen(), [["a", dots], ["old"]]);
    await dsock.unsubscribe(dots, target);
  }
}

async function disconnecting() {
  const user = "disconnecting";
  const first = await connect({ user });
  await dsock.createClaim({ user });
  await dsock.disconnect({ user, keepClaims: true });
  await waitUntil("a close", () => first.closeCode === 1000);
  const kept = await dsock.info({ user });
  assert.deepEqual([kept.claims.length, kept.connections.length], [1, 0]);

  const second = await connect({ user });
  await dsock.disconnect({ user, keepClaims: false });
  await waitUntil("another close", () => second.closeCode === 1000);
  assert.deepEqual(await dsock.info({ user }), { claims: [], connections: [] });
}

async function manyAtATime() {
  const client = await connect({ user: "many" });
  const numbers = Array.from({ length: 200 }, (_, index) => String(index));
  await Promise.all(numbers.map((data) => dsock.send({ user: "many", data })));
  await waitUntil("all of many", () => client.seen.length === numbers.length);
  assert.deepEqual(new Set(client.seen), new Set(numbers));
}

await dsock.ping();
await claims();
await messages();
await targets();
await channels();
await disconnecting();
await manyAtATime();
console.log("done");
process.exit(0);
