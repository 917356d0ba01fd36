// HTTP requests to one server, and what their answers mean.

import { DSockError } from "./error.js";

const DEFAULT_TIMEOUT_MS = 10_000;
/** How much of an answer that is not understood is shown. */
const LONGEST_EXCERPT = 200;

export class Transport {
  #base;
  #authorization;
  #timeout;

  constructor(url, { token, timeout = DEFAULT_TIMEOUT_MS } = {}) {
    this.#base = baseOf(url);
    this.#authorization = `Bearer ${checkedToken(token)}`;
    this.#timeout = timeout;
    // Throws now, and not with each call, if that is no time.
    AbortSignal.timeout(timeout);
  }

  /** Makes a call that is answered with JSON; its members. */
  async call(method, path, parameters, { body, contentType, signal, requestId } = {}) {
    const headers = { Authorization: this.#authorization };
    if (contentType !== undefined) headers["Content-Type"] = contentType;
    if (requestId !== undefined) headers["X-Request-Id"] = checkedRequestId(requestId);
    const query = new URLSearchParams(definedOnly(parameters)).toString();
    const target = query === "" ? path : `${path}?${query}`;
    const answer = await this.#fetch(target, { method, headers, body }, signal);
    return membersOf(answer);
  }

  /** Asks for a text, without showing the token. */
  async text(path, { signal } = {}) {
    const answer = await this.#fetch(path, { method: "GET" }, signal);
    if (answer.status !== 200) throw unexpected(answer);
    return answer.text;
  }

  async #fetch(target, request, signal) {
    const timeout = AbortSignal.timeout(this.#timeout);
    const signals = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
    try {
      // To whom else the token went, nobody would notice.
      const init = { ...request, redirect: "manual", credentials: "omit", signal: signals };
      const response = await fetch(this.#base + target, init);
      return { status: response.status, headers: response.headers, text: await response.text() };
    } catch (cause) {
      signal?.throwIfAborted();
      if (timeout.aborted) {
        const message = `No answer within ${this.#timeout} ms`;
        throw new DSockError("TIMEOUT", message, { cause: timeout.reason });
      }
      const reason = cause.cause?.message || cause.cause?.code || cause.message;
      throw new DSockError("UNREACHABLE", `${this.#base} does not answer: ${reason}`, { cause });
    }
  }
}

/** The members of an answer that says that the call has succeeded. */
function membersOf(answer) {
  const members = parsed(answer.text);
  if (members?.success === true && answer.status === 200) return members;
  if (members?.success !== false || typeof members.errorCode !== "string") throw unexpected(answer);
  const { error, errorCode, requestId } = members;
  throw new DSockError(errorCode, `${error} (${errorCode})`, {
    status: answer.status,
    requestId: requestId ?? requestIdOf(answer),
  });
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function unexpected(answer) {
  const { status, text } = answer;
  const excerpt = text.trim().slice(0, LONGEST_EXCERPT);
  const message = `Unexpected answer with status ${status}${excerpt && `: ${excerpt}`}`;
  return new DSockError("UNEXPECTED_ANSWER", message, { status, requestId: requestIdOf(answer) });
}

const requestIdOf = ({ headers }) => headers.get("X-Request-Id");

const definedOnly = (parameters) =>
  Object.entries(parameters).filter(([, value]) => value !== undefined);

/** The server's address, to which paths can be appended. */
function baseOf(url) {
  const address = URL.canParse(url) ? new URL(url) : undefined;
  if (!["http:", "https:"].includes(address?.protocol)) {
    throw new TypeError("The address of a server is like http://127.0.0.1:6241");
  }
  if (address.search || address.hash || address.username || address.password) {
    throw new TypeError("The address of a server has no query, fragment, user or password");
  }
  return address.href.replace(/\/+$/, "");
}

// fetch() would show a token that is none in its error.
function checkedToken(token) {
  if (typeof token !== "string" || !/^[!-~](?:[ -~]*[!-~])?$/.test(token)) {
    throw new TypeError("The token has to be a string of visible ASCII characters");
  }
  return token;
}

// The server would choose another one instead.
function checkedRequestId(requestId) {
  if (typeof requestId !== "string" || !/^[!-~]{1,128}$/.test(requestId)) {
    throw new TypeError("A requestId has 1 to 128 visible ASCII characters");
  }
  return requestId;
}
