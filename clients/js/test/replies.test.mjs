import assert from "node:assert/strict";
import { test } from "node:test";
import { Replies } from "../src/drc/replies.js";

const OWN_ID = 7;
const isJoined = (channel) => [1, 2].includes(Number(channel));

const GRANT = { cmd: "GRANT", channel: "Room", protocol: "chat" };
const JOIN = { cmd: "JOIN", channel: "Room", protocol: "chat" };
const OTHER_JOIN = { cmd: "JOIN", channel: "Room", protocol: "other" };
const LEAVE = { cmd: "LEAVE", channel: 1 };
const SET_EXTRA = { cmd: "SET_EXTRA", channel: 1, id: "9", extra: { name: "x" } };
const COMMAND = { cmd: "hello", channel: 1, to: -1 };

const GRANTED = { cmd: "GRANTED", channelname: "Room", protocol: "chat", channel: 0 };
const JOINED = { cmd: "JOINED", channelname: "Room", protocol: "chat", clients: {}, channel: 3 };
const OTHER_JOINED = { ...JOINED, protocol: "other" };
const SOMEBODY_JOINED = { cmd: "JOINED", channel: 1, id: 9 };
const LEFT = { cmd: "LEFT", channel: 1, id: OWN_ID };
const EXTRA_SET = { cmd: "SET_EXTRA", channel: 1, id: 9, extra: { name: "x" } };

const refusal = (errorcode, channel = 0) => ({ success: false, errorcode, channel });

/** Which of the sent messages each of the replies is taken for; `null` for none. */
function matches(messages, replies) {
  const pending = new Replies();
  for (const message of messages) {
    pending.sent({ message, text: JSON.stringify(message) }, isJoined);
  }
  return replies.map((reply) =>
    pending.take({ success: true, ...reply }, OWN_ID)?.message ?? null);
}

const CASES = [
  ["each kind", [GRANT, JOIN, LEAVE, SET_EXTRA], [GRANTED, JOINED, LEFT, EXTRA_SET],
    [GRANT, JOIN, LEAVE, SET_EXTRA]],
  ["the same twice", [GRANT, GRANT], [GRANTED, GRANTED, GRANTED], [GRANT, GRANT, null]],
  ["the same name of another protocol", [JOIN, OTHER_JOIN], [OTHER_JOINED, JOINED],
    [OTHER_JOIN, JOIN]],
  ["what others do", [JOIN, LEAVE], [SOMEBODY_JOINED, { ...LEFT, id: 9 }], [null, null]],
  ["another channel", [LEAVE], [{ ...LEFT, channel: 2 }], [null]],
  ["extra set by somebody else", [SET_EXTRA],
    [{ ...EXTRA_SET, extra: { name: "y" } }, { ...EXTRA_SET, id: 8 }, EXTRA_SET],
    [null, null, SET_EXTRA]],
  ["numbers as strings", [{ ...LEAVE, channel: "1" }], [LEFT], [{ ...LEAVE, channel: "1" }]],
  ["commands have no answer", [COMMAND, JOIN], [{ ...COMMAND, from: OWN_ID }, JOINED],
    [null, JOIN]],
  ["refusals are in order", [JOIN, GRANT],
    [refusal("access_denied"), refusal("access_denied")], [JOIN, GRANT]],
  ["refusals that only commands get", [COMMAND, JOIN],
    [refusal("invalid_to"), refusal("missing_to", 1), refusal("access_denied", 1), JOINED],
    [null, null, null, JOIN]],
  ["a command to a channel that is not joined", [{ ...COMMAND, channel: 5 }, LEAVE],
    [refusal("invalid_channel"), LEFT], [{ ...COMMAND, channel: 5 }, LEAVE]],
  ["a command to a channel that is being left", [LEAVE, COMMAND, JOIN],
    [LEFT, refusal("invalid_channel"), JOINED], [LEAVE, COMMAND, JOIN]],
  ["a command that is none", [{ ...COMMAND, cmd: 5 }, { ...COMMAND, cmd: "LEFT" }, JOIN],
    [refusal("missing_invalid_cmd"), refusal("missing_invalid_cmd"), JOINED],
    [{ ...COMMAND, cmd: 5 }, { ...COMMAND, cmd: "LEFT" }, JOIN]],
  ["text that is not Unicode, in a command", [{ ...COMMAND, text: "\ud800" }, JOIN],
    [refusal("invalid_data"), JOINED], [null, JOIN]],
  ["text that is not Unicode, in a request", [{ ...JOIN, channel: "\ud800" }],
    [refusal("invalid_data")], [{ ...JOIN, channel: "\ud800" }]],
  ["a refusal out of nowhere", [], [refusal("access_denied")], [null]],
];

for (const [name, messages, replies, expected] of CASES) {
  test(name, () => assert.deepEqual(matches(messages, replies), expected));
}

test("what is not answered when the line is lost is returned in order, once", () => {
  const pending = new Replies();
  for (const message of [JOIN, COMMAND, GRANT]) pending.sent({ message, text: "" }, isJoined);
  assert.deepEqual(pending.takeAll().map(({ message }) => message), [JOIN, GRANT]);
  assert.deepEqual(pending.takeAll(), []);
});
