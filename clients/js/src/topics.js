// The client of topics.

export { TopicClient } from "./topics/client.js";
