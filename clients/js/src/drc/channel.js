// A channel as a page sees it: the same object for as long as the page is a member or wants to be
// one, whatever number the server gives the channel after each reconnect.

import { Listeners } from "../common/listeners.js";

export class Channel {
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
