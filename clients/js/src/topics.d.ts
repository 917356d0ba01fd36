/** The client of topics that are kept, for browsers and Node. */

import type { Disconnection } from "./drc.js";

/** A message of a topic. */
export interface TopicMessage {
  /** Later messages have higher ids; it is the time, in microseconds since 1970. */
  id: number;
  data: string | ArrayBuffer;
}

export interface TopicOptions {
  /** What was kept behind this id comes first; 0 is all. */
  since?: number;
  /** So many of the last messages come first, where nothing says since when. */
  last?: number;
  /** Where the last id is remembered: `sessionStorage`. What is there counts more than `since`. */
  storage?: Pick<Storage, "getItem" | "setItem">;
  /** Its name there. */
  storageKey?: string;
  /** Where the server wants tokens: one, or a function that fetches one for each connection. */
  token?: string | (() => string | Promise<string>);
  /** Bounds of the waits between attempts, in milliseconds. */
  reconnect?: { first?: number; longest?: number };
  /** How long each attempt may take, in milliseconds. */
  connectTimeout?: number;
  /** For programs, which have no origin of their own. */
  origin?: string;
  /** The class to be used instead of the environment's. */
  WebSocket?: unknown;
}

export interface TopicEvents {
  connect: [];
  disconnect: [details: Disconnection];
  message: [message: TopicMessage];
  /** What was kept has all come. */
  current: [position: { id: number }];
  /** The token was not good. */
  refused: [refusal: { reason: string }];
  /** Something that is no message with an id. */
  unhandled: [received: string | ArrayBuffer];
}

export class TopicClient {
  /** Connects at once, and again whenever the line is lost. In a page `url` may be relative. */
  constructor(url: string, options?: TopicOptions);
  /** All messages up to this one were heard; `null` as long as that is not known. */
  readonly since: number | null;
  /** Whether `send` sends. */
  readonly isOpen: boolean;
  /** Sends to the others. False if the line is lost: then nothing is sent. */
  send(data: string | ArrayBuffer | ArrayBufferView<ArrayBuffer>): boolean;
  /** Disconnects for good. */
  close(): void;
  /** Returns a function that removes the listener. */
  addEventListener<Name extends keyof TopicEvents>(
    eventname: Name,
    callback: (this: TopicClient, ...values: TopicEvents[Name]) => void,
  ): () => void;
  removeEventListener<Name extends keyof TopicEvents>(
    eventname: Name,
    callback: (this: TopicClient, ...values: TopicEvents[Name]) => void,
  ): void;
}
