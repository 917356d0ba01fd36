// Made by build.mjs out of the modules in src; change those instead.

(() => {
  "use strict";

  // How long to wait before the next attempt: exponential, with full jitter, so that many clients
  // which lost one server do not come back at the same moment.

  class Backoff {
    #first;
    #longest;
    #random;
    #attempts = 0;

    /** `first` and `longest` bound the first wait and every wait, in milliseconds. */
    constructor({ first, longest }, random = Math.random) {
      this.#first = first;
      this.#longest = longest;
      this.#random = random;
    }

    /** The milliseconds to wait now: between 0 and a bound that doubles with each call. */
    next() {
      const bound = Math.min(this.#longest, this.#first * 2 ** this.#attempts);
      // Beyond 2^32 the bound has long been the longest.
      this.#attempts = Math.min(this.#attempts + 1, 32);
      return this.#random() * bound;
    }

    reset() {
      this.#attempts = 0;
    }
  }

  // A WebSocket that is made again whenever it is lost, until it is stopped.
  //
  // At most one socket counts at any time; whatever an earlier one still says is not heard.


  // A server that accepts connections and drops them at once must not be asked ever faster.
  const STEADY_AFTER_MS = 5_000;

  /** What the socket and the timers of a `Line` are made with. */
  const LINE_DEFAULTS = {
    reconnect: { first: 1_000, longest: 30_000 },
    connectTimeout: 20_000,
  };

  class Line {
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

  // Event listeners in the style of the DOM, whose callbacks get plain values.

  class Listeners {
    #callbacks = new Map();

    /** Returns a function that removes this registration and no other. */
    add(name, callback) {
      if (typeof callback !== "function") {
        throw new TypeError(`the listener of '${name}' is not a function`);
      }
      const entry = { callback };
      this.#callbacks.set(name, [...this.#of(name), entry]);
      return () => this.#keep(name, (other) => other !== entry);
    }

    /** Removes one registration of `callback`: the first. */
    remove(name, callback) {
      const first = this.#of(name).find((entry) => entry.callback === callback);
      if (first) this.#keep(name, (entry) => entry !== first);
    }

    has(name) {
      return this.#of(name).length > 0;
    }

    /**
     * Calls all listeners of `name` that are there now. One that throws is reported and keeps
     * neither the others nor the caller from going on.
     */
    dispatch(self, name, ...values) {
      for (const { callback } of this.#of(name)) {
        try {
          callback.apply(self, values);
        } catch (error) {
          report(error);
        }
      }
    }

    #of(name) {
      return this.#callbacks.get(name) ?? [];
    }

    // The list is replaced and never changed: it may just be walked along.
    #keep(name, condition) {
      this.#callbacks.set(name, this.#of(name).filter(condition));
    }
  }

  function report(error) {
    if (typeof globalThis.reportError === "function") globalThis.reportError(error);
    else console.error(error);
  }

  // Promises that may be ignored.

  /** A promise with the functions that settle it. Nobody has to handle its rejection. */
  function deferred() {
    const parts = {};
    parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
    // Whoever waits gets the rejection all the same; whoever does not is told by an event.
    parts.promise.catch(() => {});
    return parts;
  }

  /** A promise that has failed, which nobody has to handle either. */
  function rejected(error) {
    const { promise, reject } = deferred();
    reject(error);
    return promise;
  }

  // A WebSocket of whatever this runs in.

  /**
   * In a page `url` may be relative, and have the scheme of the page.
   *
   * `WebSocket` is the class, that of the environment by default. `origin` is for programs, which
   * have none of their own; a page's origin is its browser's business, and the option is ignored.
   */
  function openWebSocket(url, { WebSocket = globalThis.WebSocket, origin }) {
    if (typeof WebSocket !== "function") {
      throw new Error(
        "there is no WebSocket here: pass a class as the option WebSocket, " +
          "or start Node before 22 with --experimental-websocket",
      );
    }
    if (isPage()) return new WebSocket(resolve(url));
    if (origin === undefined) return new WebSocket(url);
    // Node's own class and the one of the package ws both take this as the second argument.
    return new WebSocket(url, { headers: { Origin: origin } });
  }

  // Workers have a location too; Node has none.
  function isPage() {
    return globalThis.location?.origin !== undefined;
  }

  // Not all browsers do this themselves.
  function resolve(url) {
    const address = new URL(url, globalThis.location.href);
    address.protocol = address.protocol.replace(/^http/, "ws");
    return address.href;
  }

  // A channel as a page sees it: the same object for as long as the page is a member or wants to be
  // one, whatever number the server gives the channel after each reconnect.


  class Channel {
    #membership;
    #listeners = new Listeners();

    /** Made by `DRCClient.JoinChannel`. */
    constructor(membership) {
      this.#membership = membership;
    }

    get name() {
      return this.#membership.name;
    }

    get protocol() {
      return this.#membership.protocol;
    }

    /** The number that the server has given the channel now; 0 while this client is not in it. */
    get number() {
      return this.#membership.record === null ? 0 : this.#membership.number;
    }

    /** `joining`, `joined`, `lost` or `left`. */
    get state() {
      return this.#membership.state;
    }

    /** This client's own number; `null` while it is not in the channel. */
    get clientId() {
      return this.#membership.record?.id ?? null;
    }

    /** `{ auth, mode, extra }` of this client; `null` while it is not in the channel. */
    get info() {
      return this.#membership.record?.info ?? null;
    }

    /** `{ auth, mode, extra }` of each client that this one is told of, by number. */
    get clients() {
      return new Map(
        Object.entries(this.#membership.record?.clients ?? {})
          .map(([id, info]) => [Number(id), info]),
      );
    }

    /** The number of some authority in the channel, another one each time; `null` if none is there. */
    randomAuthority() {
      const id = this.#membership.client.GetRandomAuthClientID(this.number);
      return id === false ? null : Number(id);
    }

    /** To one client, or with `to` -1 to all that this one may send to. */
    send(cmd, to, options) {
      this.#membership.command({ ...options, cmd, to });
    }

    sendToAuthorities(cmd, options) {
      this.#membership.commandToAuthorities(cmd, options);
    }

    setExtra(id, extra) {
      return this.#membership.setExtra(id, extra);
    }

    leave() {
      return this.#membership.leave();
    }

    /** Returns a function that removes the listener. */
    addEventListener(name, callback) {
      return this.#listeners.add(name, callback);
    }

    removeEventListener(name, callback) {
      this.#listeners.remove(name, callback);
    }

    /** For `DRCClient`. */
    static membershipOf(channel) {
      return channel.#membership;
    }

    /** For `DRCClient`. */
    static dispatch(channel, name, ...values) {
      channel.#listeners.dispatch(channel, name, ...values);
    }
  }

  // Why something that a page asked for did not happen.

  /**
   * `code` is the server's `errorcode`, or one of this client's own: `closed`, `connection_lost`,
   * `not_joined`, `queue_full`, `token_failed`, `invalid_message`.
   */
  class DRCError extends Error {
    constructor(code, message, options) {
      super(message, options);
      this.name = "DRCError";
      this.code = code;
    }

    /** Of an answer with `success: false`. */
    static ofReply(reply) {
      return new DRCError(String(reply.errorcode), String(reply.error));
    }

    /** In the form of a server's answer, for listeners of the event `error`. */
    toReply(channel = 0) {
      return { channel, success: false, error: this.message, errorcode: this.code };
    }
  }

  // Being in a channel: asking for it, staying in it when the line is lost, leaving it.
  //
  //   joining --JOINED--> joined --line lost--> joining
  //      |--refused, never joined before--> left
  //      |--refused, given up--> lost --asked anew--> joining
  //   any --leave--> left, for good


  class Membership {
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

  // Memberships by name and protocol, and by the numbers that their channels have or had.
  //
  // A number belongs to one line: the server gives others after a reconnect, perhaps the same ones to
  // other channels. Until a channel is joined again, its last number still leads to it.

  class Memberships {
    #named = new Map();
    #numbered = new Map();
    #onceNumbered = new Map();

    /** A copy, which can be gone through while memberships come and go. */
    all() {
      return [...this.#named.values()];
    }

    add(membership) {
      this.#named.set(keyOf(membership.name, membership.protocol), membership);
    }

    named(name, protocol) {
      return this.#named.get(keyOf(name, protocol));
    }

    /** Of a number on this line. */
    numbered(number) {
      return this.#numbered.get(Number(number));
    }

    /** Of a number on an earlier line, if the channel has not been joined again. */
    onceNumbered(number) {
      return this.#onceNumbered.get(Number(number));
    }

    setNumber(membership, number) {
      removeValue(this.#onceNumbered, membership);
      this.#numbered.set(number, membership);
    }

    /** The line is lost. */
    loseNumbers() {
      for (const [number, membership] of this.#numbered) this.#onceNumbered.set(number, membership);
      this.#numbered.clear();
    }

    forget(membership) {
      const key = keyOf(membership.name, membership.protocol);
      if (this.#named.get(key) === membership) this.#named.delete(key);
      removeValue(this.#numbered, membership);
      removeValue(this.#onceNumbered, membership);
    }
  }

  /** Names may contain anything, so they are not merely joined together. */
  function keyOf(name, protocol) {
    return JSON.stringify([name, protocol]);
  }

  function removeValue(map, value) {
    for (const [key, other] of map) if (other === value) map.delete(key);
  }

  // Which answer belongs to which request.
  //
  // The protocol has no request numbers, but the server answers in order, and each request that is
  // kept here is answered exactly once. Ordinary commands are not kept: they are answered only if
  // they are refused, with error codes that nothing else has, or for reasons that are known here
  // before they are sent (`isSureToFail`).

  const CODES_OF_COMMANDS = new Set(["missing_to", "invalid_to"]);
  const NOT_COMMANDS = new Set(["GRANTED", "JOINED", "LEFT"]);
  const LONE_SURROGATE = /\\ud[89a-f]/;

  /** What the answer to each kind of request must have in common with it. */
  const ANSWERS = {
    GRANT: (reply, { message }) =>
      reply.cmd === "GRANTED" && isSameChannel(reply, message),
    JOIN: (reply, { message }) =>
      reply.cmd === "JOINED" && reply.clients !== undefined && isSameChannel(reply, message),
    LEAVE: (reply, { message }, ownId) =>
      reply.cmd === "LEFT" && reply.id === ownId && reply.channel === Number(message.channel),
    // Another authority may have set it too, just before.
    SET_EXTRA: (reply, { message }) =>
      reply.cmd === "SET_EXTRA" &&
      reply.channel === Number(message.channel) &&
      reply.id === Number(message.id) &&
      JSON.stringify(reply.extra) === JSON.stringify(message.extra),
  };

  function isSameChannel(reply, message) {
    return reply.channelname === message.channel && reply.protocol === message.protocol;
  }

  class Replies {
    #requests = [];

    /**
     * Notes `request`, `{ message, text, ... }`, which has just been sent. `isJoined(channel)` says
     * whether commands may go to that channel, as far as answers have come.
     */
    sent(request, isJoined) {
      const { message } = request;
      const isAnswered = Object.hasOwn(ANSWERS, message.cmd);
      if (isAnswered || this.#isSureToFail(message, isJoined)) this.#requests.push(request);
    }

    /** The request that `reply` answers, which is then forgotten. `undefined`: none. */
    take(reply, ownId) {
      const index = reply.success === true
        ? this.#requests.findIndex((request) => ANSWERS[request.message.cmd]?.(reply, request, ownId))
        : this.#refused(reply);
      return index < 0 ? undefined : this.#requests.splice(index, 1)[0];
    }

    /** Forgets and returns all that has not been answered, in order. */
    takeAll() {
      return this.#requests.splice(0);
    }

    #refused({ channel, errorcode }) {
      const isOfCommand = CODES_OF_COMMANDS.has(errorcode) ||
        (errorcode === "access_denied" && channel !== 0);
      if (isOfCommand || this.#requests.length === 0) return -1;
      // Text that is no valid Unicode is refused as a whole, commands too.
      if (errorcode === "invalid_data" && !LONE_SURROGATE.test(this.#requests[0].text)) return -1;
      return 0;
    }

    #isSureToFail({ cmd, channel }, isJoined) {
      if (typeof cmd !== "string" || NOT_COMMANDS.has(cmd)) return true;
      return !isJoined(channel) || this.#isLeaving(channel);
    }

    #isLeaving(channel) {
      return this.#requests.some(({ message }) =>
        message.cmd === "LEAVE" && Number(message.channel) === Number(channel));
    }
  }

  // The line to the server, who is in which channel, and the methods and events of a page.


  const DEFAULTS = {
    ...LINE_DEFAULTS,
    rejoin: { first: 10_000, longest: 40_000, patience: 90_000 },
    queueLimit: 1_000,
  };

  class DRCClient {
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

  // What the server sends to who asked for ids: `<id>\n<message>`, or an id alone.

  const LINE_FEED = 10;
  /** A microsecond of this century has 16 digits; so many are looked at. */
  const LONGEST_ID = 19;

  /**
   * `{ id, data }` for a message, `{ id }` for an id alone, `null` for something else. Binary
   * messages are an ArrayBuffer before and after.
   */
  function readNumbered(received) {
    if (typeof received === "string") {
      const end = received.slice(0, LONGEST_ID + 1).indexOf("\n");
      if (end < 0) return withId(received, {});
      return withId(received.slice(0, end), { data: received.slice(end + 1) });
    }
    const head = new Uint8Array(received, 0, Math.min(received.byteLength, LONGEST_ID + 1));
    const end = head.indexOf(LINE_FEED);
    if (end < 0) return null;
    return withId(String.fromCharCode(...head.subarray(0, end)), { data: received.slice(end + 1) });
  }

  function withId(digits, rest) {
    if (!/^[0-9]{1,19}$/.test(digits)) return null;
    const id = Number(digits);
    return Number.isSafeInteger(id) ? { id, ...rest } : null;
  }

  // A topic whose messages are all heard: after a loss of the line, the server is asked for those
  // that were sent meanwhile.


  class TopicClient {
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

  Object.assign(globalThis, { DRCClient, TopicClient });
})();
