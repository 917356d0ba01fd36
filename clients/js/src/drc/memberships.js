// Memberships by name and protocol, and by the numbers that their channels have or had.
//
// A number belongs to one line: the server gives others after a reconnect, perhaps the same ones to
// other channels. Until a channel is joined again, its last number still leads to it.

export class Memberships {
  #named = new Map();
  #numbered = new Map();
  #onceNumbered = new Map();

  /** A copy, which can be gone through while memberships come and go. */
  all() {
    return [...this.#named.values()];
  }

  add(membership) {
    this.#named.set(keyOf(membership.name, membership.protocol), membership);
  }

  named(name, protocol) {
    return this.#named.get(keyOf(name, protocol));
  }

  /** Of a number on this line. */
  numbered(number) {
    return this.#numbered.get(Number(number));
  }

  /** Of a number on an earlier line, if the channel has not been joined again. */
  onceNumbered(number) {
    return this.#onceNumbered.get(Number(number));
  }

  setNumber(membership, number) {
    removeValue(this.#onceNumbered, membership);
    this.#numbered.set(number, membership);
  }

  /** The line is lost. */
  loseNumbers() {
    for (const [number, membership] of this.#numbered) this.#onceNumbered.set(number, membership);
    this.#numbered.clear();
  }

  forget(membership) {
    const key = keyOf(membership.name, membership.protocol);
    if (this.#named.get(key) === membership) this.#named.delete(key);
    removeValue(this.#numbered, membership);
    removeValue(this.#onceNumbered, membership);
  }
}

/** Names may contain anything, so they are not merely joined together. */
function keyOf(name, protocol) {
  return JSON.stringify([name, protocol]);
}

function removeValue(map, value) {
  for (const [key, other] of map) if (other === value) map.delete(key);
}
