// Compiled and never run: what users write must fit the types, and what is wrong must not.

import { TopicClient } from "fantail-client";
import { TopicClient as SameClient } from "fantail-client/topics";

const same: typeof TopicClient = SameClient;
const client = new TopicClient("wss://example.com/chat", {
  since: 0,
  last: 50,
  storage: sessionStorage,
  storageKey: "chat",
  token: async () => "token",
  reconnect: { first: 100 },
});
const remove: () => void = client.addEventListener("message", function ({ id, data }) {
  const text: string = typeof data === "string" ? data : new TextDecoder().decode(data);
  console.log(id.toFixed(), text, this.since?.toFixed());
});
client.addEventListener("current", ({ id }) => console.log(id));
client.addEventListener("refused", ({ reason }) => console.log(reason.length));
client.addEventListener("disconnect", ({ retryIn }) => console.log(retryIn));
const sent: boolean = client.send("text") && client.send(new Uint8Array([1]));
client.close();

// @ts-expect-error an id is a number
new TopicClient("/chat", { since: "1" });
// @ts-expect-error there is no such event
client.addEventListener("messages", () => {});
// @ts-expect-error it cannot be set
client.since = 1;

export { remove, same, sent };
