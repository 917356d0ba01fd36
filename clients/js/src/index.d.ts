export * from "./drc.js";
export * from "./dsock.js";
export * from "./topics.js";
