// Being in a channel: asking for it, staying in it when the line is lost, leaving it.
//
//   joining --JOINED--> joined --line lost--> joining
//      |--refused, never joined before--> left
//      |--refused, given up--> lost --asked anew--> joining
//   any --leave--> left, for good

import { Backoff } from "../common/backoff.js";
import { deferred, rejected } from "../common/promises.js";
import { Channel } from "./channel.js";
import { DRCError } from "./error.js";

export class Membership {
  channel = new Channel(this);
  number = 0;
  state = "joining";
  #session;
  #wasJoined = false;
  /** `{ token, allowIpAuth }`: those that worked last, and those that the next JOIN has. */
  #proven = null;
  #wanted = null;
  #waiters = [];
  /** JOINs without an answer, and tokens being fetched for one, on this line. */
  #outstanding = 0;
  #delayed = [];
  #retry = null;
  #backoff = null;
  #giveUpAt = 0;

  /** `session` is the client as `DRCClient` shows it to its memberships. */
  constructor(session, name, protocol) {
    this.#session = session;
    this.name = name;
    this.protocol = protocol;
  }

  get client() {
    return this.#session.client;
  }

  /** The JOINED message with what has changed since; `null` while not joined. */
  get record() {
    return this.#isIn ? this.#session.record(this.number) : null;
  }

  /** Whether somebody waits for being let in. */
  get isAwaited() {
    return this.#waiters.length > 0;
  }

  get #isIn() {
    return this.state === "joined" && this.#session.isOpen;
  }

  /** A promise of the channel. */
  join(credentials) {
    const waiter = deferred();
    this.#waiters.push(waiter);
    this.#wanted = credentials;
    if (this.state === "lost") this.state = "joining";
    if (this.#session.isOpen) this.#ask();
    return waiter.promise;
  }

  /** A line is open. */
  opened() {
    if (this.state === "joining" && this.#outstanding === 0) this.#ask();
  }

  /** The line is lost. */
  disconnected() {
    clearTimeout(this.#retry);
    this.#outstanding = 0;
    this.#backoff = null;
    if (this.state !== "joined") return;
    this.state = "joining";
    this.number = 0;
    this.#giveUpAt = performance.now() + this.#session.options.rejoin.patience;
  }

  /** The server has let this client in; `request` is the JOIN that it answers, if known. */
  joined(number, request) {
    clearTimeout(this.#retry);
    if (request) this.#answered();
    this.#proven = request?.credentials ?? this.#wanted;
    this.state = "joined";
    this.number = number;
    this.#wasJoined = true;
    this.#backoff = null;
    for (const waiter of this.#waiters.splice(0)) waiter.resolve(this.channel);
  }

  /** What waited for the channel goes out, after the listeners have heard that it is joined. */
  sendDelayed() {
    for (const { send } of this.#delayed.splice(0)) send();
  }

  /** The server has not let this client in, or there was no token to ask with. */
  refused(error) {
    this.#answered();
    if (this.#outstanding > 0 || this.state === "left") return;
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    if (this.state === "joined") this.#wanted = this.#proven;
    else if (this.#wasJoined) this.#askLater(error);
    else this.end(error);
  }

  /** Sends now, or once the channel is joined (again). */
  command(message) {
    if (this.#isIn) {
      this.#session.send({ ...message, channel: this.number });
    } else if (Number(message.to) < 0) {
      this.#delay(message, () => this.command(message));
    } else {
      // The number of a client may have become somebody else's by the time.
      this.#session.fail(this.#notJoined("only messages to all can wait"), message);
    }
  }

  commandToAuthorities(cmd, options) {
    if (this.#isIn) {
      for (const [id, { auth }] of Object.entries(this.record.clients)) {
        if (auth) this.#session.send({ ...options, channel: this.number, cmd, to: id });
      }
    } else {
      const message = { ...options, cmd };
      this.#delay(message, () => this.commandToAuthorities(cmd, options));
    }
  }

  setExtra(id, extra) {
    if (!this.#isIn) return rejected(this.#notJoined("extra cannot be set"));
    return this.#session.request({ channel: this.number, cmd: "SET_EXTRA", id, extra });
  }

  leave() {
    const number = this.number;
    const mustTell = this.#isIn;
    this.end(new DRCError("not_joined", `'${this.name}' has been left`));
    if (!mustTell) return Promise.resolve();
    return this.#session.request({ cmd: "LEAVE", channel: number });
  }

  /** From now on this is no membership any more; what waits for it fails with `error`. */
  end(error) {
    clearTimeout(this.#retry);
    this.state = "left";
    this.number = 0;
    this.#session.forget(this);
    this.#failAll(error);
  }

  #failAll(error) {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error);
    for (const { message } of this.#delayed.splice(0)) this.#session.fail(error, message);
  }

  #answered() {
    this.#outstanding = Math.max(0, this.#outstanding - 1);
  }

  #ask() {
    clearTimeout(this.#retry);
    this.#outstanding += 1;
    const credentials = this.#wanted;
    if (typeof credentials.token === "function") this.#askWithFetchedToken(credentials);
    else this.#sendJoin(credentials, credentials.token);
  }

  async #askWithFetchedToken(credentials) {
    const line = this.#session.lineNumber;
    const isStale = () => this.state === "left" || this.#session.lineNumber !== line;
    let token;
    try {
      token = await credentials.token({
        channelname: this.name,
        protocol: this.protocol,
        rejoin: this.#wasJoined,
      });
    } catch (cause) {
      if (isStale()) return;
      const error = new DRCError(
        "token_failed", `no token for '${this.name}': ${cause?.message ?? cause}`, { cause });
      this.#session.fail(error, { cmd: "JOIN", channel: this.name, protocol: this.protocol });
      this.refused(error);
      return;
    }
    if (!isStale()) this.#sendJoin(credentials, token);
  }

  #sendJoin(credentials, token) {
    const message = { cmd: "JOIN", channel: this.name, protocol: this.protocol };
    if (token) message.token = token;
    if (credentials.allowIpAuth === false) message.ipauth = false;
    this.#session.send(message, { membership: this, credentials });
  }

  // A token that was granted once is good again only when the server has noticed that the old
  // line is lost, which can take as long as its pings do. So one refusal does not mean much.
  // Where new tokens can be had, whoever issues them may still be on the way back itself.
  #askLater(error) {
    const { rejoin, reconnect } = this.#session.options;
    const hasNewTokens = typeof this.#wanted.token === "function";
    this.#backoff ??= new Backoff(hasNewTokens ? reconnect : rejoin);
    const wait = this.#backoff.next();
    const isLast = !hasNewTokens && performance.now() + wait > this.#giveUpAt;
    if (isLast) {
      this.state = "lost";
      this.#failAll(error);
    } else {
      this.#retry = setTimeout(() => this.#ask(), wait);
    }
    this.#session.dispatch(this, "refused", {
      channel: this.channel,
      error,
      retryIn: isLast ? null : wait,
    });
  }

  #delay(message, send) {
    if (this.state === "lost" || this.state === "left") {
      this.#session.fail(this.#notJoined("nothing can be sent"), message);
    } else if (this.#delayed.length >= this.#session.options.queueLimit) {
      this.#session.fail(new DRCError("queue_full", "too much waits to be sent"), message);
    } else {
      this.#delayed.push({ message, send });
    }
  }

  #notJoined(consequence) {
    return new DRCError("not_joined", `not in '${this.name}' now: ${consequence}`);
  }
}
