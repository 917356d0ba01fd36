// The calls of dSock's API.

import { channelList, channelSegment, isGiven, name, targetParameters } from "./target.js";
import { Transport } from "./transport.js";

export class DSockClient {
  #transport;

  constructor(url, options) {
    this.#transport = new Transport(url, options);
  }

  async createClaim(options) {
    const { user, session, id, channels, duration, expiration } = options;
    const { claim } = await this.#transport.call("POST", "/claim", {
      user: name("user", user),
      session: isGiven(session) ? name("session", session) : undefined,
      id: isGiven(id) ? name("id", id) : undefined,
      channels: isGiven(channels) ? channelList(channels) : undefined,
      duration,
      expiration,
    }, callOptions(options));
    return claim;
  }

  async send(options) {
    const parameters = targetParameters(options);
    const { data } = options;
    const isText = typeof data === "string";
    if (!isText && !(data instanceof ArrayBuffer) && !ArrayBuffer.isView(data)) {
      throw new TypeError("data has to be a string, an ArrayBuffer or a view of one");
    }
    if (isText && !data.isWellFormed()) {
      throw new TypeError("data has half of a surrogate pair in it, which UTF-8 cannot express");
    }
    parameters.type = isText ? "text" : "binary";
    await this.#transport.call("POST", "/send", parameters, {
      ...callOptions(options),
      body: data,
      contentType: isText ? "text/plain; charset=utf-8" : "application/octet-stream",
    });
  }

  async disconnect(options) {
    const parameters = { ...targetParameters(options), ...flag(options, "keepClaims") };
    await this.#transport.call("POST", "/disconnect", parameters, callOptions(options));
  }

  async info(options) {
    const parameters = targetParameters(options);
    const { claims, connections } =
      await this.#transport.call("GET", "/info", parameters, callOptions(options));
    return { claims: claims.map(withChannels), connections: connections.map(withChannels) };
  }

  async subscribe(channels, options) {
    await this.#changeChannels("subscribe", channels, options);
  }

  async unsubscribe(channels, options) {
    await this.#changeChannels("unsubscribe", channels, options);
  }

  async ping({ signal } = {}) {
    await this.#transport.text("/ping", { signal });
  }

  async #changeChannels(change, channels, options) {
    const path = `/channel/${change}/${channelSegment(channels)}`;
    const parameters = { ...targetParameters(options), ...flag(options, "ignoreClaims") };
    await this.#transport.call("POST", path, parameters, callOptions(options));
  }
}

const callOptions = ({ signal, requestId }) => ({ signal, requestId });

const flag = (options, what) => (options[what] ? { [what]: "true" } : {});

/** /info tells of no channels as of one without a name. */
const withChannels = (record) => ({ ...record, channels: record.channels.filter(Boolean) });
