// What pages get as globals from dist/fantail.js.

export { DRCClient } from "./drc/client.js";
export { TopicClient } from "./topics/client.js";
