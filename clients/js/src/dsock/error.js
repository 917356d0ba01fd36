// Why a call of the API did not succeed.

/**
 * `code` is the server's `errorCode`, or one of the client's own: `TIMEOUT`, `UNREACHABLE` and
 * `UNEXPECTED_ANSWER`, when what answers is no dSock.
 */
export class DSockError extends Error {
  constructor(code, message, { status = 0, requestId = null, cause } = {}) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = "DSockError";
    this.code = code;
    this.status = status;
    this.requestId = requestId;
  }
}
