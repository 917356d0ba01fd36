// A topic whose messages are all heard: after a loss of the line, the server is asked for those
// that were sent meanwhile.

import { LINE_DEFAULTS, Line } from "../common/line.js";
import { Listeners } from "../common/listeners.js";
import { openWebSocket } from "../common/websocket.js";
import { readNumbered } from "./numbered.js";

export class TopicClient {
  #url;
  #options;
  #line;
  #listeners = new Listeners();
  /** The id of the last message that was heard, or where hearing began; `null` before that. */
  #since;
  /** The token is sent, and its answer is not there yet. */
  #isProving = false;
  #token = null;

  /** Connects at once, and again whenever the line is lost. */
  constructor(url, options = {}) {
    this.#url = url;
    this.#options = { ...LINE_DEFAULTS, ...options };
    this.#options.reconnect = { ...LINE_DEFAULTS.reconnect, ...options.reconnect };
    this.#since = this.#stored() ?? options.since ?? null;
    const events = {
      opened: () => this.#opened(),
      received: (data) => this.#received(data),
      lost: (details) => this.#lost(details),
    };
    this.#line = new Line(() => openWebSocket(this.#address(), this.#options), events, this.#options);
    this.#line.start();
  }

  /** All messages up to this one were heard; `null` as long as that is not known. */
  get since() {
    return this.#since;
  }

  /** Whether `send` sends. */
  get isOpen() {
    return this.#line.isOpen && !this.#isProving;
  }

  /** Sends a text or bytes to the others. False if the line is lost: then nothing is sent. */
  send(data) {
    if (!this.isOpen) return false;
    this.#line.send(data);
    return true;
  }

  /** Disconnects for good. */
  close() {
    this.#line.stop();
  }

  /** Returns a function that removes the listener. */
  addEventListener(name, callback) {
    return this.#listeners.add(name, callback);
  }

  removeEventListener(name, callback) {
    this.#listeners.remove(name, callback);
  }

  #address() {
    const address = new URL(this.#url, globalThis.location?.href);
    const query = address.searchParams;
    query.set("ids", "1");
    if (this.#since !== null) query.set("since", this.#since);
    else if (this.#options.last !== undefined) query.set("last", this.#options.last);
    return address.href;
  }

  #opened() {
    const { token } = this.#options;
    if (token !== undefined) this.#prove(token);
    this.#listeners.dispatch(this, "connect");
  }

  async #prove(token) {
    this.#isProving = true;
    const attempt = (this.#token = {});
    try {
      const text = await (typeof token === "function" ? token() : token);
      // Another line may be there by now, which asks for itself.
      if (this.#token === attempt && this.#line.isOpen) this.#line.send(text);
    } catch (error) {
      this.#listeners.dispatch(this, "refused", { reason: String(error) });
    }
  }

  #received(received) {
    if (this.#isProving) return this.#proved(received);
    const message = readNumbered(received);
    if (message === null) {
      this.#listeners.dispatch(this, "unhandled", received);
    } else if (this.#since === null || message.id > this.#since) {
      this.#listeners.dispatch(this, "data" in message ? "message" : "current", message);
      // Only now: whoever listens may have been interrupted.
      this.#since = message.id;
      this.#store();
    }
  }

  #proved(received) {
    const answer = parseAnswer(received);
    if (answer === null) this.#listeners.dispatch(this, "unhandled", received);
    else if (answer.authorised) this.#isProving = false;
    else this.#listeners.dispatch(this, "refused", { reason: answer.reason });
  }

  #lost(details) {
    this.#isProving = false;
    this.#token = null;
    this.#listeners.dispatch(this, "disconnect", details);
  }

  get #storageKey() {
    return this.#options.storageKey ?? `fantail ${this.#url}`;
  }

  #stored() {
    const text = this.#options.storage?.getItem(this.#storageKey);
    return /^[0-9]+$/.test(text ?? "") ? Number(text) : null;
  }

  #store() {
    this.#options.storage?.setItem(this.#storageKey, String(this.#since));
  }
}

function parseAnswer(received) {
  try {
    const answer = JSON.parse(received);
    return typeof answer === "object" ? answer : null;
  } catch {
    return null;
  }
}
