export * from "./drc.js";
