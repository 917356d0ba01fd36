import assert from "node:assert/strict";
import { test } from "node:test";
import { Backoff } from "../src/common/backoff.js";

test("the bound doubles with each attempt up to the longest, and begins again", () => {
  const backoff = new Backoff({ first: 100, longest: 1_000 }, () => 1);
  const waits = Array.from({ length: 6 }, () => backoff.next());
  assert.deepEqual(waits, [100, 200, 400, 800, 1_000, 1_000]);
  backoff.reset();
  assert.equal(backoff.next(), 100);
});

test("a wait is any part of its bound", () => {
  const parts = [0, 0.5, 0.25];
  const backoff = new Backoff({ first: 100, longest: 1_000 }, () => parts.shift());
  assert.deepEqual([backoff.next(), backoff.next(), backoff.next()], [0, 100, 100]);
});

test("a thousand clients do not come back at once", () => {
  const waits = Array.from({ length: 1_000 }, () => new Backoff({ first: 1_000, longest: 1 }).next());
  assert.ok(waits.every((wait) => wait >= 0 && wait < 1), "beyond the longest");
  const tenths = Array.from({ length: 10 }, () => 0);
  for (const wait of waits) tenths[Math.floor(wait * 10)] += 1;
  assert.ok(Math.min(...tenths) > 50, `unevenly: ${tenths}`);
});

test("many attempts do not overflow", () => {
  const backoff = new Backoff({ first: 1, longest: 30_000 }, () => 1);
  for (let attempt = 0; attempt < 5_000; attempt += 1) backoff.next();
  assert.equal(backoff.next(), 30_000);
});
