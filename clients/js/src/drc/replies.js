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

export class Replies {
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
