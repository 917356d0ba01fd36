import assert from "node:assert/strict";
import { test } from "node:test";
import { Listeners } from "../src/common/listeners.js";

/** Listeners that write down what they get. */
function recorder() {
  const listeners = new Listeners();
  const calls = [];
  const note = (name) => (...values) => calls.push([name, ...values]);
  return { listeners, calls, note };
}

test("listeners get the values in the order of their registration", () => {
  const { listeners, calls, note } = recorder();
  listeners.add("message", note("first"));
  listeners.add("message", note("second"));
  listeners.add("left", note("other"));
  listeners.dispatch(null, "message", 1, 2);
  assert.deepEqual(calls, [["first", 1, 2], ["second", 1, 2]]);
});

test("`this` is the object that dispatches", () => {
  const listeners = new Listeners();
  const self = {};
  listeners.add("message", function () {
    assert.equal(this, self);
    this.called = true;
  });
  listeners.dispatch(self, "message");
  assert.equal(self.called, true);
});

test("remove takes away one registration of a callback", () => {
  const { listeners, calls, note } = recorder();
  const callback = note("a");
  listeners.add("message", callback);
  listeners.add("message", callback);
  listeners.remove("message", callback);
  listeners.remove("message", note("never added"));
  listeners.remove("unknown", callback);
  listeners.dispatch(null, "message");
  assert.equal(calls.length, 1);
  listeners.remove("message", callback);
  assert.equal(listeners.has("message"), false);
});

test("the returned function takes away its own registration only", () => {
  const { listeners, calls, note } = recorder();
  const callback = note("a");
  listeners.add("message", callback);
  const removeSecond = listeners.add("message", callback);
  removeSecond();
  removeSecond();
  listeners.dispatch(null, "message");
  assert.equal(calls.length, 1);
});

test("who is removed or added meanwhile does not disturb the others", () => {
  const { listeners, calls, note } = recorder();
  const last = note("last");
  listeners.add("message", () => {
    listeners.remove("message", last);
    listeners.add("message", note("late"));
  });
  listeners.add("message", last);
  listeners.dispatch(null, "message");
  assert.deepEqual(calls, [["last"]]);
  listeners.dispatch(null, "message");
  assert.deepEqual(calls, [["last"], ["late"]]);
});

test("one that throws is reported, and the others are called", (context) => {
  const { listeners, calls, note } = recorder();
  const reported = context.mock.method(console, "error", () => {});
  const fault = new Error("in a listener");
  listeners.add("message", () => {
    throw fault;
  });
  listeners.add("message", note("second"));
  listeners.dispatch(null, "message");
  assert.deepEqual(calls, [["second"]]);
  assert.deepEqual(reported.mock.calls[0].arguments, [fault]);
});

test("a listener that is no function is refused at once", () => {
  assert.throws(() => new Listeners().add("message", undefined), TypeError);
});
