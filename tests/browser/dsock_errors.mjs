// What goes wrong with calls of dSock's API: URL TOKEN. Where a server has to misbehave, it is one
// of this script's own.

import assert from "node:assert/strict";
import { once } from "node:events";
import { createServer } from "node:http";
import { inspect } from "node:util";
import { DSockClient, DSockError } from "../../clients/js/src/dsock.js";

const [url, token] = process.argv.slice(2);
const dsock = new DSockClient(url, { token });
const target = { user: "1" };

const refusedWith = (code, status, more = () => true) => (error) => {
  assert.ok(error instanceof DSockError, inspect(error));
  assert.deepEqual([error.name, error.code, error.status], ["DSockError", code, status]);
  assert.ok(!inspect(error, { depth: 9, showHidden: true }).includes(token));
  return more(error);
};

async function refusals() {
  await assert.rejects(dsock.createClaim({ user: "1", id: "used" }).then(() =>
    dsock.createClaim({ user: "1", id: "used", requestId: "my-name" })),
  refusedWith("CLAIM_ID_ALREADY_USED", 400, ({ message, requestId }) => {
    assert.equal(message, "Claim ID is already used (CLAIM_ID_ALREADY_USED)");
    assert.equal(requestId, "my-name");
    return true;
  }));
  const claims = [
    [{ duration: 0 }, "NEGATIVE_DURATION"],
    [{ duration: 1.5 }, "INVALID_DURATION"],
    [{ expiration: -1 }, "NEGATIVE_EXPIRATION"],
    // In milliseconds, by mistake.
    [{ expiration: Date.now() }, "INVALID_EXPIRATION"],
    [{ session: "x".repeat(257) }, "ERROR_BINDING_QUERY_PARAMS"],
  ];
  for (const [options, code] of claims) {
    await assert.rejects(dsock.createClaim({ user: "1", ...options }), refusedWith(code, 400,
      ({ requestId }) => /^[0-9a-f-]{36}$/.test(requestId)));
  }
  const stranger = new DSockClient(url, { token: "wrong" });
  await assert.rejects(stranger.info(target), refusedWith("INVALID_AUTHORIZATION", 400));
  await stranger.ping();
  await assert.rejects(dsock.send({ ...target, data: new Uint8Array(1_100_000) }),
    refusedWith("BODY_TOO_LARGE", 413, ({ message }) => message.includes("request body limit")));
  const lost = new DSockClient(`${url}/elsewhere`, { token });
  await assert.rejects(lost.info(target), refusedWith("UNEXPECTED_ANSWER", 404,
    ({ message, requestId }) => message.endsWith("404 page not found") && requestId.length === 36));
  await assert.rejects(lost.ping(), refusedWith("UNEXPECTED_ANSWER", 404));
}

async function wrongArguments() {
  const wrong = [
    () => dsock.send({ data: "x" }),
    () => dsock.send({ session: "s", data: "x" }),
    () => dsock.send({ id: "i", session: "s", data: "x" }),
    () => dsock.send({ user: "1", channel: "c", data: "x" }),
    // Would be for all sessions of the user.
    () => dsock.send({ user: "1", session: "", data: "x" }),
    () => dsock.send({ user: "1", session: null, data: "x" }),
    () => dsock.send({ user: "", data: "x" }),
    () => dsock.send({ user: 1, data: "x" }),
    () => dsock.send(target),
    () => dsock.send({ ...target, data: 5 }),
    () => dsock.send({ ...target, data: "\ud800" }),
    () => dsock.send({ ...target, data: "x", requestId: "a\r\nb" }),
    () => dsock.info(),
    () => dsock.createClaim({ channels: ["c"] }),
    () => dsock.createClaim({ user: "1", session: "" }),
    () => dsock.createClaim({ user: "1", channels: ["a,b"] }),
    () => dsock.createClaim({ user: "1", channels: [""] }),
    () => dsock.subscribe("a/b", target),
    () => dsock.subscribe("a,b", target),
    () => dsock.subscribe([], target),
    () => dsock.unsubscribe("", target),
    async () => new DSockClient("ws://127.0.0.1:6241", { token }),
    async () => new DSockClient("127.0.0.1:6241", { token }),
    async () => new DSockClient(`${url}?token=x`, { token }),
    async () => new DSockClient(url),
    async () => new DSockClient(url, { token: "" }),
    async () => new DSockClient(url, { token: "a\nb" }),
    async () => new DSockClient(url, { token, timeout: "soon" }),
  ];
  for (const call of wrong) {
    await assert.rejects(call(), TypeError, String(call));
  }
}

/** Runs `use` with the address of a server that answers with `listener`. */
async function withServer(listener, use) {
  const server = createServer(listener).listen(0, "127.0.0.1");
  await once(server, "listening");
  try {
    await use(`http://127.0.0.1:${server.address().port}`);
  } finally {
    server.closeAllConnections();
    server.close();
  }
}

async function faults() {
  const answers = [
    [200, "pong"], [200, "null"], [200, "[]"], [200, '{"success":"true"}'], [200, '{"suc'],
    [502, "<h1>Bad Gateway</h1>"], [400, '{"success":true}'], [500, '{"success":false}'],
  ];
  for (const [status, text] of answers) {
    await withServer((_, response) => response.writeHead(status).end(text), async (address) => {
      const client = new DSockClient(address, { token });
      await assert.rejects(client.disconnect(target), refusedWith("UNEXPECTED_ANSWER", status));
    });
  }
  // A redirect is not followed: it might lead the token elsewhere.
  await withServer((_, response) => response.writeHead(307, { Location: url }).end(),
    async (address) => {
      const client = new DSockClient(address, { token });
      await assert.rejects(client.info(target), refusedWith("UNEXPECTED_ANSWER", 307));
    });
  await withServer((request) => request.socket.destroy(), async (address) => {
    const client = new DSockClient(address, { token });
    await assert.rejects(client.info(target), refusedWith("UNREACHABLE", 0));
  });
  let gone;
  await withServer(() => {}, async (address) => (gone = address));
  await assert.rejects(new DSockClient(gone, { token }).ping(), refusedWith("UNREACHABLE", 0,
    ({ message }) => message.includes("ECONNREFUSED")));
}

async function times() {
  const beginning = (_, response) => response.writeHead(200).write("{");
  for (const listener of [() => {}, beginning]) {
    await withServer(listener, async (address) => {
      const client = new DSockClient(address, { token, timeout: 100 });
      await assert.rejects(client.info(target), refusedWith("TIMEOUT", 0));
      await assert.rejects(client.ping(), refusedWith("TIMEOUT", 0));

      const patient = new DSockClient(address, { token });
      const controller = new AbortController();
      const reason = new Error("nobody waits any more");
      setTimeout(() => controller.abort(reason), 50);
      const { signal } = controller;
      await assert.rejects(patient.send({ ...target, data: "x", signal }), reason);
      await assert.rejects(patient.info({ ...target, signal }), reason);
    });
  }
}

/** The token goes nowhere but into one header field. */
async function secrecy() {
  const heads = [];
  const listener = (request, response) => {
    heads.push([request.method, request.url, request.headers.authorization]);
    response.end('{"success":true,"claims":[],"connections":[],"claim":{}}');
  };
  await withServer(listener, async (address) => {
    const client = new DSockClient(`${address}/api/`, { token });
    await client.createClaim({ user: "1" });
    await client.send({ ...target, data: "x" });
    await client.info(target);
    await client.ping();
    assert.deepEqual(heads, [
      ["POST", "/api/claim?user=1", `Bearer ${token}`],
      ["POST", "/api/send?user=1&type=text", `Bearer ${token}`],
      ["GET", "/api/info?user=1", `Bearer ${token}`],
      ["GET", "/api/ping", undefined],
    ]);
    assert.ok(!inspect(client, { depth: 9, showHidden: true }).includes(token));
    assert.ok(!JSON.stringify(client).includes(token));
  });
}

await refusals();
await wrongArguments();
await faults();
await times();
await secrecy();
console.log("done");
