// Event listeners in the style of the DOM, whose callbacks get plain values.

export class Listeners {
  #callbacks = new Map();

  /** Returns a function that removes this registration and no other. */
  add(name, callback) {
    if (typeof callback !== "function") {
      throw new TypeError(`the listener of '${name}' is not a function`);
    }
    const entry = { callback };
    this.#callbacks.set(name, [...this.#of(name), entry]);
    return () => this.#keep(name, (other) => other !== entry);
  }

  /** Removes one registration of `callback`: the first. */
  remove(name, callback) {
    const first = this.#of(name).find((entry) => entry.callback === callback);
    if (first) this.#keep(name, (entry) => entry !== first);
  }

  has(name) {
    return this.#of(name).length > 0;
  }

  /**
   * Calls all listeners of `name` that are there now. One that throws is reported and keeps
   * neither the others nor the caller from going on.
   */
  dispatch(self, name, ...values) {
    for (const { callback } of this.#of(name)) {
      try {
        callback.apply(self, values);
      } catch (error) {
        report(error);
      }
    }
  }

  #of(name) {
    return this.#callbacks.get(name) ?? [];
  }

  // The list is replaced and never changed: it may just be walked along.
  #keep(name, condition) {
    this.#callbacks.set(name, this.#of(name).filter(condition));
  }
}

function report(error) {
  if (typeof globalThis.reportError === "function") globalThis.reportError(error);
  else console.error(error);
}
