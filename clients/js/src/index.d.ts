export * from "./drc.js";
export * from "./dsock.js";
