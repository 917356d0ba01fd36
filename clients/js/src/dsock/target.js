// Whom a call is for, as the parameters of its URL.
//
// The server takes an empty parameter as one that is not there. Without a check here, a session
// that is empty by mistake would make a call for all sessions of a user.

const KINDS = ["id", "user", "channel"];

/** The parameters of the options' target; the options may have other members beside it. */
export function targetParameters(options) {
  const kinds = KINDS.filter((kind) => isGiven(options?.[kind]));
  if (kinds.length !== 1) {
    throw new TypeError(`A target has one of id, user and channel, not ${kinds.length || "none"}`);
  }
  const [kind] = kinds;
  const parameters = { [kind]: name(kind, options[kind]) };
  if (isGiven(options.session)) {
    if (kind === "id") throw new TypeError("A target with an id has no session");
    parameters.session = name("session", options.session);
  }
  return parameters;
}

/** A list of channels, or a single one, as the server wants it. */
export function channelList(channels) {
  const names = Array.isArray(channels) ? channels : [channels];
  for (const channel of names) {
    if (name("channel", channel).includes(",")) {
      throw new TypeError(`The name of a channel has no comma in it: ${channel}`);
    }
  }
  return names.join(",");
}

/** The same as a segment of a path. */
export function channelSegment(channels) {
  const list = channelList(channels);
  if (list === "") throw new TypeError("There has to be a channel");
  if (list.includes("/")) {
    throw new TypeError(`Channels with a slash in their name cannot be changed: ${list}`);
  }
  // A segment of dots would be taken as a directory; empty names do not count.
  return encodeURIComponent(/^\.\.?$/.test(list) ? `,${list}` : list);
}

/** A name that is neither empty nor something else than text. */
export function name(what, value) {
  if (typeof value !== "string" || value === "") {
    throw new TypeError(`${what} has to be a string that is not empty`);
  }
  return value;
}

export function isGiven(value) {
  return value !== undefined;
}
