// The client of dSock's API, for back ends: its token must not get into a page.

export { DSockClient } from "./dsock/client.js";
export { DSockError } from "./dsock/error.js";
