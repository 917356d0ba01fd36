// What the server sends to who asked for ids: `<id>\n<message>`, or an id alone.

const LINE_FEED = 10;
/** A microsecond of this century has 16 digits; so many are looked at. */
const LONGEST_ID = 19;

/**
 * `{ id, data }` for a message, `{ id }` for an id alone, `null` for something else. Binary
 * messages are an ArrayBuffer before and after.
 */
export function readNumbered(received) {
  if (typeof received === "string") {
    const end = received.slice(0, LONGEST_ID + 1).indexOf("\n");
    if (end < 0) return withId(received, {});
    return withId(received.slice(0, end), { data: received.slice(end + 1) });
  }
  const head = new Uint8Array(received, 0, Math.min(received.byteLength, LONGEST_ID + 1));
  const end = head.indexOf(LINE_FEED);
  if (end < 0) return null;
  return withId(String.fromCharCode(...head.subarray(0, end)), { data: received.slice(end + 1) });
}

function withId(digits, rest) {
  if (!/^[0-9]{1,19}$/.test(digits)) return null;
  const id = Number(digits);
  return Number.isSafeInteger(id) ? { id, ...rest } : null;
}
