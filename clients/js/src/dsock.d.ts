/** The client of dSock's API, for back ends: its token must not get into a page. */

/** One connection, by the `id` that `info()` tells. */
export interface ConnectionTarget {
  id: string;
  user?: never;
  channel?: never;
  session?: never;
}

/** All connections of a user, or with `session` those of that session. */
export interface UserTarget {
  user: string;
  session?: string;
  id?: never;
  channel?: never;
}

/** All connections in a channel, or with `session` those of sessions of that name. */
export interface ChannelTarget {
  channel: string;
  session?: string;
  id?: never;
  user?: never;
}

export type Target = ConnectionTarget | UserTarget | ChannelTarget;

/** What any call may be told. */
export interface CallOptions {
  /** Ends the call; the promise then fails with the signal's reason. */
  signal?: AbortSignal;
  /** By what name the server knows the call, in errors and its log; visible ASCII. */
  requestId?: string;
}

export interface DSockOptions {
  /** `dsock.token` of the configuration. */
  token: string;
  /** How long a call may take, in milliseconds; 10,000 unless said otherwise. */
  timeout?: number;
}

interface ClaimOfUser extends CallOptions {
  /** Whose connection it makes. */
  user: string;
  session?: string;
  /** An id of your own instead of one that nobody can guess. */
  id?: string;
  channels?: readonly string[];
}

/** A claim is good for 60 seconds unless one of the two says otherwise. */
export type ClaimOptions =
  | (ClaimOfUser & {
      /** For how many seconds it is good. */
      duration?: number;
      expiration?: never;
    })
  | (ClaimOfUser & {
      /** When it ends, in seconds since 1970. */
      expiration: number;
      duration?: never;
    });

/** With what one client can connect once. */
export interface Claim {
  /** For the client: `wss://ws.example.com/connect?claim=ID`. */
  id: string;
  user: string;
  session?: string;
  channels: string[];
  /** When it ends, in seconds since 1970. */
  expiration: number;
}

/** A client that is connected. */
export interface Connection {
  id: string;
  user: string;
  session?: string;
  channels: string[];
  /** When it last sent a ping or a pong, in seconds since 1970. */
  lastPing: number;
  /** A name of the server's process that changes with each start. */
  worker: string;
}

export interface Info {
  claims: Claim[];
  connections: Connection[];
}

/** Strings are sent as text, all else as bytes. */
export type Data = string | ArrayBuffer | ArrayBufferView;

/**
 * Calls the API. Each call is a request of its own; the object may live as long as you like.
 *
 * Promises fail with a `DSockError`, or with a `TypeError` if an argument is wrong.
 */
export class DSockClient {
  /** `url` is like `http://127.0.0.1:6241`, with a path if a proxy has it below one. */
  constructor(url: string, options: DSockOptions);

  /** Makes a claim. */
  createClaim(options: ClaimOptions): Promise<Claim>;
  /** Sends to all of a target; that nobody is there is no error. */
  send(options: Target & CallOptions & { data: Data }): Promise<void>;
  /** Closes connections with 1000 and, unless told to keep them, forgets the target's claims. */
  disconnect(options: Target & CallOptions & { keepClaims?: boolean }): Promise<void>;
  /** Who is connected, and who may be soon. */
  info(
    options: (ConnectionTarget | UserTarget | ChannelTarget) & CallOptions,
  ): Promise<Info>;
  /** Puts connections and, unless told to ignore them, claims into channels. */
  subscribe(
    channels: string | readonly string[],
    options: Target & CallOptions & { ignoreClaims?: boolean },
  ): Promise<void>;
  /** Takes them out. */
  unsubscribe(
    channels: string | readonly string[],
    options: Target & CallOptions & { ignoreClaims?: boolean },
  ): Promise<void>;
  /** Fails if the server is not there. */
  ping(options?: Pick<CallOptions, "signal">): Promise<void>;
}

/** The server says no, or does not answer. */
export class DSockError extends Error {
  /**
   * The server's `errorCode`, such as `MISSING_TARGET`; or `TIMEOUT`, `UNREACHABLE`, or
   * `UNEXPECTED_ANSWER` if what answers is no dSock. After the first two, the call may have been
   * done nevertheless.
   */
  readonly code: string;
  /** The HTTP status; 0 without an answer. */
  readonly status: number;
  /** The name of the call, to find it in logs; `null` if the server gave none. */
  readonly requestId: string | null;
}
