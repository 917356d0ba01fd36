// How long to wait before the next attempt: exponential, with full jitter, so that many clients
// which lost one server do not come back at the same moment.

export class Backoff {
  #first;
  #longest;
  #random;
  #attempts = 0;

  /** `first` and `longest` bound the first wait and every wait, in milliseconds. */
  constructor({ first, longest }, random = Math.random) {
    this.#first = first;
    this.#longest = longest;
    this.#random = random;
  }

  /** The milliseconds to wait now: between 0 and a bound that doubles with each call. */
  next() {
    const bound = Math.min(this.#longest, this.#first * 2 ** this.#attempts);
    // Beyond 2^32 the bound has long been the longest.
    this.#attempts = Math.min(this.#attempts + 1, 32);
    return this.#random() * bound;
  }

  reset() {
    this.#attempts = 0;
  }
}
