// A WebSocket of whatever this runs in.

/**
 * In a page `url` may be relative, and have the scheme of the page.
 *
 * `WebSocket` is the class, that of the environment by default. `origin` is for programs, which
 * have none of their own; a page's origin is its browser's business, and the option is ignored.
 */
export function openWebSocket(url, { WebSocket = globalThis.WebSocket, origin }) {
  if (typeof WebSocket !== "function") {
    throw new Error(
      "there is no WebSocket here: pass a class as the option WebSocket, " +
        "or start Node before 22 with --experimental-websocket",
    );
  }
  if (isPage()) return new WebSocket(resolve(url));
  if (origin === undefined) return new WebSocket(url);
  // Node's own class and the one of the package ws both take this as the second argument.
  return new WebSocket(url, { headers: { Origin: origin } });
}

// Workers have a location too; Node has none.
function isPage() {
  return globalThis.location?.origin !== undefined;
}

// Not all browsers do this themselves.
function resolve(url) {
  const address = new URL(url, globalThis.location.href);
  address.protocol = address.protocol.replace(/^http/, "ws");
  return address.href;
}
