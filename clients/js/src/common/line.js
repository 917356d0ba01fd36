// A WebSocket that is made again whenever it is lost, until it is stopped.
//
// At most one socket counts at any time; whatever an earlier one still says is not heard.

import { Backoff } from "./backoff.js";

// A server that accepts connections and drops them at once must not be asked ever faster.
const STEADY_AFTER_MS = 5_000;

/** What the socket and the timers of a `Line` are made with. */
export const LINE_DEFAULTS = {
  reconnect: { first: 1_000, longest: 30_000 },
  connectTimeout: 20_000,
};

export class Line {
  #open;
  #events;
  #backoff;
  #connectTimeout;
  #socket = null;
  #isOpen = false;
  #isStopped = false;
  #steady = null;
  #timer = null;
  #onlineListener = () => this.#connectEarly();

  /**
   * `open` makes a WebSocket. `events` has `opened()`, `received(data)`, and `lost(details)`,
   * which is called once for each socket, also for one that never opened.
   */
  constructor(open, events, { reconnect, connectTimeout }) {
    this.#open = open;
    this.#events = events;
    this.#backoff = new Backoff(reconnect);
    this.#connectTimeout = connectTimeout;
  }

  get isOpen() {
    return this.#isOpen;
  }

  /** Throws if the address is none, or the page may not use it. */
  start() {
    this.#connect();
    globalThis.addEventListener?.("online", this.#onlineListener);
  }

  /** Ends for good. */
  stop() {
    if (this.#isStopped) return;
    this.#isStopped = true;
    globalThis.removeEventListener?.("online", this.#onlineListener);
    clearTimeout(this.#timer);
    const socket = this.#socket;
    if (socket) {
      this.#drop({ code: 1000, reason: "" });
      socket.close(1000);
    }
  }

  send(text) {
    this.#socket.send(text);
  }

  #connect() {
    const socket = this.#open();
    socket.binaryType = "arraybuffer";
    this.#socket = socket;
    const whenCurrent = (handle) => (event) => {
      if (this.#socket === socket) handle(event);
    };
    socket.addEventListener("open", whenCurrent(() => this.#opened()));
    socket.addEventListener("message", whenCurrent(({ data }) => this.#received(data)));
    socket.addEventListener("close", whenCurrent((event) => this.#drop(event)));
    socket.addEventListener("error", whenCurrent((event) => this.#failed(event)));
    this.#timer = setTimeout(() => this.#giveUp(socket), this.#connectTimeout);
  }

  #giveUp(socket) {
    this.#drop({ code: 1006, reason: "the server did not answer in time" });
    socket.close();
  }

  #opened() {
    clearTimeout(this.#timer);
    this.#isOpen = true;
    this.#steady = setTimeout(() => this.#backoff.reset(), STEADY_AFTER_MS);
    this.#events.opened();
  }

  // In browsers a close event follows, which says no more than this; in Node 20 none does.
  #failed({ message }) {
    if (!this.#isOpen) this.#drop({ code: 1006, reason: message ?? "" });
  }

  #received(data) {
    this.#backoff.reset();
    this.#events.received(data);
  }

  #drop({ code, reason }) {
    clearTimeout(this.#timer);
    clearTimeout(this.#steady);
    const wasOpen = this.#isOpen;
    this.#socket = null;
    this.#isOpen = false;
    const retryIn = this.#isStopped ? null : this.#backoff.next();
    if (retryIn !== null) this.#timer = setTimeout(() => this.#connect(), retryIn);
    this.#events.lost({ wasOpen, code, reason, retryIn });
  }

  // The device has a network again: no reason to wait any longer.
  #connectEarly() {
    if (this.#socket || this.#isStopped) return;
    clearTimeout(this.#timer);
    this.#connect();
  }
}
