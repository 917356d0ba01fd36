// Promises that may be ignored.

/** A promise with the functions that settle it. Nobody has to handle its rejection. */
export function deferred() {
  const parts = {};
  parts.promise = new Promise((resolve, reject) => Object.assign(parts, { resolve, reject }));
  // Whoever waits gets the rejection all the same; whoever does not is told by an event.
  parts.promise.catch(() => {});
  return parts;
}

/** A promise that has failed, which nobody has to handle either. */
export function rejected(error) {
  const { promise, reject } = deferred();
  reject(error);
  return promise;
}
