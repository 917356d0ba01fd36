// Whose address counts behind a proxy: RIGHT-URL CARELESS-URL. Both lead through nginx to a
// server whose only authority is 127.0.0.1, and the second does not set X-Forwarded-For.

import assert from "node:assert/strict";
import WebSocket from "ws";
import { DRCClient } from "../../clients/js/src/drc.js";

const [right, careless] = process.argv.slice(2);

/** Whether a client from this address is an authority. */
async function isAuthority(url, localAddress) {
  class FromAddress extends WebSocket {
    constructor(url, options) {
      super(url, { ...options, localAddress });
    }
  }
  const client = new DRCClient(url, { origin: "http://127.0.0.1", WebSocket: FromAddress });
  client.addEventListener("error", () => {});
  try {
    return (await client.JoinChannel("test", "test")).info.auth;
  } catch (error) {
    assert.equal(error.code, "access_denied");
    return false;
  } finally {
    client.close();
  }
}

assert.equal(await isAuthority(right, "127.0.0.1"), true);
assert.equal(await isAuthority(right, "127.0.0.2"), false);
assert.equal(await isAuthority(careless, "127.0.0.2"), true, "the documentation warns of this");
