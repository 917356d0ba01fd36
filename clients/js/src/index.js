// Everything that the package offers; each protocol also has an entry of its own.

export * from "./drc.js";
export * from "./dsock.js";
export * from "./topics.js";
