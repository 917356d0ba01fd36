// The line to the server, who is in which channel, and the methods and events of a page.

import { LINE_DEFAULTS, Line } from "../common/line.js";
import { Listeners } from "../common/listeners.js";
import { deferred, rejected } from "../common/promises.js";
import { openWebSocket } from "../common/websocket.js";
import { Channel } from "./channel.js";
import { DRCError } from "./error.js";
import { Membership } from "./membership.js";
import { Memberships } from "./memberships.js";
import { Replies } from "./replies.js";

const DEFAULTS = {
  ...LINE_DEFAULTS,
  rejoin: { first: 10_000, longest: 40_000, patience: 90_000 },
  queueLimit: 1_000,
};

export class DRCClient {
  /** Whether all messages are shown on the console. */
  debug = false;
  #options;
  #line;
  #lineNumber = 0;
  #isClosed = false;
  #listeners = new Listeners();
  #replies = new Replies();
  #queue = [];
  #connecting = null;
  /** JOINED messages by the number of their channel. */
  #channels = {};
  #clientId = false;
  #memberships = new Memberships();
  /** What the server has sent after something that a caller is to hear of first; else `null`. */
  #held = null;
  #session = this.#makeSession();

  /** Connects at once, and again whenever the line is lost. */
  constructor(url, options = {}) {
    this.#options = { ...DEFAULTS, ...options };
    for (const name of ["reconnect", "rejoin"]) {
      this.#options[name] = { ...DEFAULTS[name], ...options[name] };
    }
    const events = {
      opened: () => this.#opened(),
      received: (data) => this.#received(data),
      lost: (details) => this.#lost(details),
    };
    this.#line = new Line(() => openWebSocket(url, this.#options), events, this.#options);
    this.#line.start();
  }

  /** A promise of being connected. */
  connect() {
    if (this.#isClosed) return rejected(closedError());
    if (this.#line.isOpen) return Promise.resolve();
    this.#connecting ??= deferred();
    return this.#connecting.promise;
  }

  /** Disconnects for good; whatever still waits fails. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.#held = null;
    this.#line.stop();
    const error = closedError();
    this.#connecting?.reject(error);
    for (const request of this.#queue.splice(0)) request.reject?.(error);
    for (const membership of this.#memberships.all()) membership.end(error);
  }

  /** Returns a function that removes the listener. */
  addEventListener(name, callback) {
    return this.#listeners.add(name, callback);
  }

  removeEventListener(name, callback) {
    this.#listeners.remove(name, callback);
  }

  /** A promise of a token that lets its bearer into one channel. */
  CreateToken(authtoken, channelname, protocol, clientmode, extra, makeauth) {
    const message = {
      cmd: "GRANT",
      channel: channelname,
      protocol,
      clientmode,
      extra: extra || {},
    };
    if (authtoken) message.token = authtoken;
    if (makeauth) message.makeauth = true;
    return this.#request(message);
  }

  /** A promise of the `Channel`, which is joined again whenever the line was lost. */
  JoinChannel(channelname, protocol, authtoken, allowipauth) {
    if (this.#isClosed) return this.#request({ cmd: "JOIN", channel: channelname, protocol });
    let membership = this.#memberships.named(channelname, protocol);
    if (!membership) {
      membership = new Membership(this.#session, channelname, protocol);
      this.#memberships.add(membership);
    }
    return membership.join({ token: authtoken, allowIpAuth: allowipauth });
  }

  GetChannels() {
    return this.#channels;
  }

  GetChannel(channel) {
    return this.#channels[channel];
  }

  GetClientID() {
    return this.#clientId;
  }

  SetExtra(channel, id, extra) {
    const membership = this.#find(channel);
    if (membership) return membership.setExtra(id, extra);
    return this.#request({ channel, cmd: "SET_EXTRA", id, extra });
  }

  /** `channel` is a number or a `Channel`; `to` is a client's number, or -1 for all. */
  SendCommand(channel, cmd, to, options) {
    const message = { ...options, channel, cmd, to };
    const membership = this.#find(channel);
    if (membership) membership.command(message);
    else this.#send(message);
  }

  GetRandomAuthClientID(channel) {
    const clients = this.#channels[channel]?.clients ?? {};
    const authorities = Object.keys(clients).filter((id) => clients[id].auth);
    if (authorities.length === 0) return false;
    return authorities[Math.floor(Math.random() * authorities.length)];
  }

  SendCommandToAuthClients(channel, cmd, options) {
    this.#find(channel)?.commandToAuthorities(cmd, options);
  }

  LeaveChannel(channel) {
    const membership = this.#find(channel);
    if (membership) return membership.leave();
    return this.#request({ cmd: "LEAVE", channel });
  }

  /** What memberships may use. */
  #makeSession() {
    const client = this;
    return {
      client,
      get isOpen() {
        return client.#line.isOpen;
      },
      get lineNumber() {
        return client.#lineNumber;
      },
      get options() {
        return client.#options;
      },
      record: (number) => client.#channels[number] ?? null,
      send: (message, details) => client.#send(message, details),
      request: (message) => client.#request(message),
      fail: (error, message) => client.#fail(error, message),
      forget: (membership) => client.#memberships.forget(membership),
      dispatch: (membership, name, value) => client.#dispatchWith(membership, name, value),
    };
  }

  #find(channel) {
    if (channel instanceof Channel) return Channel.membershipOf(channel);
    return this.#memberships.numbered(channel) ?? this.#memberships.onceNumbered(channel);
  }

  #request(message) {
    const { promise, resolve, reject } = deferred();
    this.#send(message, { resolve, reject });
    return promise;
  }

  #send(message, details) {
    const request = { ...details, message };
    if (this.#isClosed) this.#reject(request, closedError());
    else if (this.#line.isOpen) this.#transmit(request);
    else if (this.#queue.length < this.#options.queueLimit) this.#queue.push(request);
    else this.#reject(request, new DRCError("queue_full", "too much waits to be sent"));
  }

  #transmit(request) {
    request.text = JSON.stringify(request.message);
    this.#log("sent", request.text);
    this.#line.send(request.text);
    this.#replies.sent(request, (channel) => this.#channels[channel] !== undefined);
  }

  #reject(request, error) {
    request.reject?.(error);
    this.#fail(error, request.message);
  }

  /** Something that this client finds wrong itself. */
  #fail(error, message) {
    this.#dispatchError(error.toReply(), message);
  }

  #opened() {
    this.#lineNumber += 1;
    for (const request of this.#queue.splice(0)) this.#transmit(request);
    this.#connecting?.resolve();
    this.#connecting = null;
    // A listener may join channels itself, and then for each of them one JOIN is enough.
    this.#listeners.dispatch(this, "connect");
    if (!this.#line.isOpen) return;
    for (const membership of this.#memberships.all()) membership.opened();
  }

  #lost(details) {
    while (this.#held) this.#receiveHeld();
    this.#listeners.dispatch(this, "disconnect", details);
    this.#channels = {};
    this.#clientId = false;
    this.#lineNumber += 1;
    this.#memberships.loseNumbers();
    const unanswered = this.#replies.takeAll();
    for (const membership of this.#memberships.all()) membership.disconnected();
    for (const request of unanswered.reverse()) this.#settleLost(request);
  }

  #settleLost(request) {
    const { cmd } = request.message;
    // Nobody has seen the token that may have been granted.
    if (cmd === "GRANT" && !this.#isClosed) this.#queue.unshift(request);
    else if (cmd === "LEAVE") request.resolve?.();
    else request.reject?.(new DRCError("connection_lost", "the connection was lost meanwhile"));
  }

  #received(data) {
    if (this.#held) this.#held.push(data);
    else this.#receive(data);
  }

  // Who waits for a channel has to get at it, and to add listeners, before its first message
  // comes; but a WebSocket in Node may give several messages in one go.
  #holdBack() {
    if (this.#held) return;
    this.#held = [];
    setTimeout(() => this.#receiveHeld(), 0);
  }

  #receiveHeld() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const data of held) this.#received(data);
  }

  #receive(data) {
    const text = typeof data === "string" ? data : new TextDecoder().decode(data);
    this.#log("received", text);
    const message = parseObject(text);
    if (message === null) {
      this.#fail(new DRCError("invalid_message", "the server sent something that is no message"));
    } else if (!message.success || !message.cmd) {
      this.#refused(message);
    } else {
      const request = this.#replies.take(message, this.#clientId);
      this.#accepted(message, request);
      request?.resolve?.(message.cmd === "GRANTED" ? message.token : undefined);
    }
  }

  #refused(message) {
    const request = this.#replies.take(message, this.#clientId);
    this.#dispatchError(message, request?.message);
    const error = DRCError.ofReply(message);
    request?.membership?.refused(error);
    request?.reject?.(error);
  }

  #accepted(message, request) {
    const record = this.#channels[message.channel];
    if (message.cmd === "JOINED" && message.channelname && message.protocol && message.clients) {
      this.#joinedOneself(message, request);
    } else if (message.cmd === "JOINED") {
      if (record) record.clients[message.id] = message.info;
      this.#dispatch("joined", message);
    } else if (!record) {
      this.#listeners.dispatch(this, "unhandled", message);
    } else if (message.cmd === "LEFT") {
      this.#left(message, record);
    } else {
      if (message.cmd === "SET_EXTRA") setExtra(record, message);
      this.#dispatch("message", message);
    }
  }

  #joinedOneself(message, request) {
    const { channel: number, channelname, protocol } = message;
    this.#channels[number] = message;
    this.#clientId = message.id;
    const membership = this.#memberships.named(channelname, protocol);
    if (!membership) {
      this.#listeners.dispatch(this, "joined", message);
      // It was left before the answer came.
      if (request?.membership) this.#send({ cmd: "LEAVE", channel: number });
      return;
    }
    this.#memberships.setNumber(membership, number);
    if (membership.isAwaited) this.#holdBack();
    membership.joined(number, request?.membership === membership ? request : undefined);
    this.#dispatch("joined", message);
    membership.sendDelayed();
  }

  #left(message, record) {
    const membership = this.#memberships.numbered(message.channel);
    this.#dispatch("left", message);
    if (message.id !== this.#clientId) {
      delete record.clients[message.id];
      return;
    }
    delete this.#channels[message.channel];
    membership?.end(new DRCError("not_joined", `'${membership.name}' has been left`));
  }

  /** To the listeners of the client, then to those of the channel. */
  #dispatch(name, message) {
    this.#dispatchWith(this.#memberships.numbered(message.channel), name, message);
  }

  #dispatchWith(membership, name, value) {
    this.#listeners.dispatch(this, name, value);
    if (membership) Channel.dispatch(membership.channel, name, value);
  }

  #dispatchError(message, request) {
    if (!this.#listeners.has("error")) console.error("[DRCClient]", JSON.stringify(message));
    this.#listeners.dispatch(this, "error", message, request);
  }

  #log(what, text) {
    if (this.debug) console.log(`[DRCClient] ${what}: ${text}`);
  }
}

function closedError() {
  return new DRCError("closed", "this client has been closed");
}

function parseObject(text) {
  try {
    const value = JSON.parse(text);
    return typeof value === "object" ? value : null;
  } catch {
    return null;
  }
}

// Replaced, since listeners may have kept what there was.
function setExtra(record, { id, extra }) {
  if (record.clients[id]) record.clients[id] = { ...record.clients[id], extra };
  if (record.id === id) record.info = { ...record.info, extra };
}
