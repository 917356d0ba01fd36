// Compiled and never run: what users of dSock write must fit the types, and what is wrong must not.

import { DSockClient, type Claim, type Target } from "fantail-client";
import { DSockClient as SameClient, DSockError } from "fantail-client/dsock";

const same: typeof DSockClient = SameClient;
const dsock = new DSockClient("http://127.0.0.1:6241", { token: "abc123", timeout: 5_000 });
const signal = AbortSignal.timeout(100);

export async function use(bytes: Uint8Array): Promise<void> {
  const claim: Claim = await dsock.createClaim({ user: "1" });
  await dsock.createClaim({ user: "1", session: "a", channels: ["b"], duration: 30, id: "c" });
  await dsock.createClaim({ user: "1", expiration: claim.expiration + 60, signal });

  await dsock.send({ user: "1", data: "text" });
  await dsock.send({ user: "1", session: "a", data: bytes, requestId: "x", signal });
  await dsock.send({ channel: "news", session: "a", data: bytes.buffer as ArrayBuffer });
  const target: Target = { id: "c962d2fe-1928-40c3-af6d-9f81b5e9c1b0" };
  await dsock.send({ ...target, data: new DataView(new ArrayBuffer(1)) });

  await dsock.disconnect({ user: "1", keepClaims: true });
  await dsock.subscribe("news", { user: "1" });
  await dsock.subscribe(["news", "sport"], { channel: "all", ignoreClaims: true });
  await dsock.unsubscribe("news", target);
  const { claims, connections } = await dsock.info({ user: "1", session: "a" });
  console.log(claims[0]?.channels.join(), connections[0]?.lastPing.toFixed());
  await dsock.info({ channel: "news" });
  await dsock.ping({ signal }).catch((error: unknown) => {
    if (error instanceof DSockError) console.log(error.code, error.status + 1, error.requestId);
  });
}

// @ts-expect-error: the token is needed
new DSockClient("http://127.0.0.1:6241");
// @ts-expect-error: a claim is somebody's
dsock.createClaim({ channels: ["news"] });
// @ts-expect-error: it ends once
dsock.createClaim({ user: "1", duration: 30, expiration: 1795209619 });
// @ts-expect-error: nobody is meant
dsock.send({ data: "text" });
// @ts-expect-error: a session alone is no target
dsock.send({ session: "a", data: "text" });
// @ts-expect-error: two targets
dsock.send({ user: "1", channel: "news", data: "text" });
// @ts-expect-error: two targets
dsock.disconnect({ id: "x", user: "1" });
// @ts-expect-error: a connection is of one session
dsock.subscribe("news", { id: "x", session: "a" });
// @ts-expect-error: names are texts
dsock.send({ user: 1, data: "text" });
// @ts-expect-error: nothing to send
dsock.send({ user: "1" });
// @ts-expect-error: neither text nor bytes
dsock.send({ user: "1", data: { type: "hello" } });
// @ts-expect-error: only where claims are forgotten
dsock.send({ user: "1", data: "text", keepClaims: true });

export { same };
