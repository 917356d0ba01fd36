// The client of the Data Relay Center protocol.

export { Channel } from "./drc/channel.js";
export { DRCClient } from "./drc/client.js";
export { DRCError } from "./drc/error.js";
