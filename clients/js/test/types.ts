// Compiled and never run: what users write must fit the types, and what is wrong must not.

import { Channel, DRCClient, DRCError, type Disconnection } from "fantail-client";
import { DRCClient as SameClient } from "fantail-client/drc";

const same: typeof DRCClient = SameClient;
const client = new DRCClient("ws://127.0.0.1:7328/", {
  origin: "http://127.0.0.1",
  WebSocket,
  reconnect: { first: 100 },
  rejoin: { patience: 1_000 },
});
client.debug = true;

const remove: () => void = client.addEventListener("connect", function () {
  this.JoinChannel("Room", "chat", "token", false);
});
const onDisconnect = ({ wasOpen, retryIn }: Disconnection) => console.log(wasOpen, retryIn);
client.addEventListener("disconnect", onDisconnect);
client.removeEventListener("disconnect", onDisconnect);
client.addEventListener("joined", ({ id, info }) => console.log(id.toFixed(), info.auth));
client.addEventListener("message", ({ channel, from, cmd, text }) => {
  const unknown: unknown = text;
  client.SendCommand(channel, cmd, from, { unknown });
});
client.addEventListener("error", ({ errorcode }, request) => console.log(errorcode, request?.cmd));
client.addEventListener("refused", async ({ channel, error, retryIn }) => {
  if (retryIn === null && error.code === "access_denied") {
    await client.JoinChannel(channel.name, channel.protocol, "new");
  }
});

export async function use(): Promise<void> {
  await client.connect();
  const token: string = await client.CreateToken(false, "Room", "chat", 1, { name: "Ann" }, true);
  const fetched = async ({ rejoin }: { rejoin: boolean }) => (rejoin ? "again" : token);
  const channel: Channel = await client.JoinChannel("Room", "chat", fetched);
  channel.send("hello", -1, { text: "x" });
  channel.sendToAuthorities("hello");
  await channel.setExtra(channel.clientId ?? 0, { name: "Bea" });
  for (const [id, { extra }] of channel.clients) console.log(id.toFixed(), extra);
  const authority: number | null = channel.randomAuthority();
  const names = Object.values(client.GetChannels()).map(({ channelname }) => channelname);
  console.log(authority, names, client.GetChannel(1)?.clients["1"]?.mode, client.GetClientID());
  await channel.leave().catch((error: unknown) => error instanceof DRCError && error.code);
  await client.LeaveChannel(1);
  client.close();
}

// @ts-expect-error: no such event
client.addEventListener("conect", () => {});
// @ts-expect-error: no such mode
client.CreateToken(false, "Room", "chat", 3);
// @ts-expect-error: extra information is an object or an array
client.SetExtra(1, 1, "text");
// @ts-expect-error: a token is a text
client.JoinChannel("Room", "chat", 5);
// @ts-expect-error: only the client makes channels
new Channel();
// @ts-expect-error: read only
(null as unknown as Channel).number = 5;

export { remove, same };
