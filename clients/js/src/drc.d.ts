/** The client of the Data Relay Center protocol, for browsers and Node. */

/** What a client is in a channel. */
export interface ClientInfo {
  /** Whether it is an authority. */
  auth: boolean;
  mode: ClientMode;
  /** What its grant said about it; `false` where there was none. */
  extra: Extra | false;
}

/** Whom a client may send to: 0 nobody, 1 authorities, 2 everybody in the channel. */
export type ClientMode = 0 | 1 | 2;

export type Extra = Record<string, unknown> | unknown[];

/** What each message from the server has. */
export interface Message {
  /** The number of the channel, 0 for none. */
  channel: number;
  success: true;
  cmd: string;
  /** The client that sent it, 0 for the server. */
  from: number;
  [member: string]: unknown;
}

/** Somebody has joined. */
export interface JoinedMessage extends Message {
  cmd: "JOINED";
  id: number;
  info: ClientInfo;
  /** These three only if it was this client itself. */
  channelname?: string;
  protocol?: string;
  clients?: Record<string, ClientInfo>;
}

/** A channel with the clients in it, kept up to date. */
export interface ChannelRecord extends JoinedMessage {
  channelname: string;
  protocol: string;
  clients: Record<string, ClientInfo>;
}

/** Somebody has left. */
export interface LeftMessage extends Message {
  cmd: "LEFT";
  id: number;
}

/** Something was refused, by the server or by the client itself. */
export interface ErrorMessage {
  channel: number;
  success: false;
  error: string;
  errorcode: string;
}

/** How a line, or an attempt to have one, ended. */
export interface Disconnection {
  /** Whether it had been open at all. */
  wasOpen: boolean;
  /** The close code and reason of the WebSocket. */
  code: number;
  reason: string;
  /** Milliseconds until the next attempt; `null` after `close()`. */
  retryIn: number | null;
}

/** A channel could not be joined again after the line had been lost. */
export interface Refusal {
  channel: Channel;
  error: DRCError;
  /** Milliseconds until the next attempt; `null` if there will be none. */
  retryIn: number | null;
}

export interface ChannelEvents {
  joined: [message: JoinedMessage];
  left: [message: LeftMessage];
  message: [message: Message];
  refused: [refusal: Refusal];
}

export interface ClientEvents extends ChannelEvents {
  connect: [];
  disconnect: [details: Disconnection];
  error: [message: ErrorMessage, request: Record<string, unknown> | undefined];
  unhandled: [message: Message];
}

/** What a token is fetched for. */
export interface TokenRequest {
  channelname: string;
  protocol: string;
  /** Whether the channel had been joined before. */
  rejoin: boolean;
}

/**
 * A token, or where to get one: a function is called before each join and re-join, which is the
 * only way back for a granted token that has died with its server.
 */
export type Token =
  | string
  | false
  | null
  | undefined
  | ((request: TokenRequest) => string | Promise<string>);

/** The first and the longest wait between attempts, in milliseconds. */
export interface Waits {
  first?: number;
  longest?: number;
}

export interface Options {
  /** For programs: the `Origin` to send. Browsers send their own. */
  origin?: string;
  /** The class to connect with, such as that of the package `ws`; by default the global one. */
  WebSocket?: new (url: string, options?: any) => any;
  /** Waits until a lost line is made again: 1 s, doubling up to 30 s, times a random part of it. */
  reconnect?: Waits;
  /** Waits after a re-join was refused, and for how long after the loss it is tried: 90 s. */
  rejoin?: Waits & { patience?: number };
  /** Milliseconds until an attempt to connect is given up: 20,000. */
  connectTimeout?: number;
  /** How many messages may wait for the line, and for each channel: 1,000. */
  queueLimit?: number;
}

export class DRCClient {
  /** Connects at once. */
  constructor(url: string, options?: Options);

  /** Whether all messages are shown on the console. */
  debug: boolean;

  /** A promise of being connected; the constructor has begun with it. */
  connect(): Promise<void>;
  /** Disconnects for good. */
  close(): void;

  /** Returns a function that removes the listener. */
  addEventListener<Name extends keyof ClientEvents>(
    eventname: Name,
    callback: (this: DRCClient, ...values: ClientEvents[Name]) => void,
  ): () => void;
  removeEventListener<Name extends keyof ClientEvents>(
    eventname: Name,
    callback: (this: DRCClient, ...values: ClientEvents[Name]) => void,
  ): void;

  /** For authorities: a token for one channel, good for 30 seconds and one join. */
  CreateToken(
    authtoken: string | false | null | undefined,
    channelname: string,
    protocol: string,
    clientmode: ClientMode,
    extra?: Extra | null,
    makeauth?: boolean,
  ): Promise<string>;
  /** With `allowipauth` false the client is no authority merely because of its address. */
  JoinChannel(
    channelname: string,
    protocol: string,
    authtoken?: Token,
    allowipauth?: boolean | null,
  ): Promise<Channel>;
  /** All joined channels by number. */
  GetChannels(): Record<string, ChannelRecord>;
  GetChannel(channel: number | string): ChannelRecord | undefined;
  /** This client's number, once it has joined a channel. */
  GetClientID(): number | false;
  /** For authorities. */
  SetExtra(channel: number | string | Channel, id: number | string, extra: Extra): Promise<void>;
  /** Sends to one client, or with -1 to all; the event `error` tells if that is refused. */
  SendCommand(
    channel: number | string | Channel,
    cmd: string,
    to: number | string,
    options?: object | null,
  ): void;
  GetRandomAuthClientID(channel: number | string): string | false;
  SendCommandToAuthClients(
    channel: number | string | Channel,
    cmd: string,
    options?: object | null,
  ): void;
  LeaveChannel(channel: number | string | Channel): Promise<void>;
}

/** A channel that stays the same object when the client has to join it again. */
export class Channel {
  private constructor();
  readonly name: string;
  readonly protocol: string;
  /** 0 while this client is not in the channel. */
  readonly number: number;
  readonly state: "joining" | "joined" | "lost" | "left";
  readonly clientId: number | null;
  readonly info: ClientInfo | null;
  /** Those that this client is told of. */
  readonly clients: Map<number, ClientInfo>;
  /** The number of some authority in the channel. */
  randomAuthority(): number | null;
  /** Sends to one client, or with -1 to all. */
  send(cmd: string, to: number, options?: object | null): void;
  sendToAuthorities(cmd: string, options?: object | null): void;
  setExtra(id: number, extra: Extra): Promise<void>;
  leave(): Promise<void>;
  /** Returns a function that removes the listener. */
  addEventListener<Name extends keyof ChannelEvents>(
    eventname: Name,
    callback: (this: Channel, ...values: ChannelEvents[Name]) => void,
  ): () => void;
  removeEventListener<Name extends keyof ChannelEvents>(
    eventname: Name,
    callback: (this: Channel, ...values: ChannelEvents[Name]) => void,
  ): void;
}

/** `code` is the server's `errorcode` or one of the client's own. */
export class DRCError extends Error {
  readonly code: string;
}
