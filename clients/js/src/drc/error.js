// Why something that a page asked for did not happen.

/**
 * `code` is the server's `errorcode`, or one of this client's own: `closed`, `connection_lost`,
 * `not_joined`, `queue_full`, `token_failed`, `invalid_message`.
 */
export class DRCError extends Error {
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
