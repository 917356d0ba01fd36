// Pages with the client of DRC, behind an nginx that is restarted, and then the server is:
// CHROMIUM NGINX-HOST TOKEN. The test ends and starts both when asked to.

import assert from "node:assert/strict";
import { askNoMore, askTest } from "./ask_test.mjs";
import { withBrowser } from "./browser.mjs";

const [executable, host, secret] = process.argv.slice(2);
const ROOM = "Restart";
const settings = {
  url: `ws://${host}/drc`,
  options: {
    reconnect: { first: 50, longest: 200 },
    rejoin: { first: 50, longest: 200, patience: 60_000 },
  },
};

/**
 * A page with the script-tag build, and a client that writes down its events. With a token it joins
 * whenever it is connected, as pages of the original do.
 */
async function openPage(context, token) {
  const page = await context.newPage();
  page.on("pageerror", (error) => console.error(`in a page: ${error.stack}`));
  page.on("pageerror", () => (process.exitCode = 1));
  await page.goto(`http://${host}/`);
  await page.addScriptTag({ url: "/dist/fantail.js" });
  await page.evaluate(({ url, options, room, token }) => {
    window.seen = [];
    window.client = new DRCClient(url, options);
    const names = ["connect", "disconnect", "joined", "left", "message", "error"];
    for (const name of names) {
      client.addEventListener(name, (value) => seen.push({ name, ...value }));
    }
    if (token) {
      client.addEventListener("connect", () => client.JoinChannel(room, "chat", token, false));
    }
  }, { ...settings, room: ROOM, token });
  return page;
}

/** Waits until the page has seen an event that has all of these members. */
const sees = (page, members) =>
  page.waitForFunction((members) =>
    seen.some((event) => Object.entries(members).every(([name, value]) => event[name] === value)),
  members);

const clear = (page) => page.evaluate(() => (seen.length = 0));

const isJoined = (page) => page.waitForFunction(() => channel.state === "joined");

const joinWith = (page, token) =>
  page.evaluate(async ([room, token]) => {
    window.channel = await client.JoinChannel(room, "chat", token, false);
  }, [ROOM, token]);

const countOwnJoins = (page) =>
  page.evaluate(() => seen.filter(({ name, clients }) => name === "joined" && clients).length);

await withBrowser(executable, async (context) => {
  const authority = await openPage(context);
  const grant = () =>
    authority.evaluate(([room, token]) => client.CreateToken(token, room, "chat", 0, { nr: 1 }),
      [ROOM, secret]);
  await context.exposeFunction("grant", grant);
  const keeper = await openPage(context);
  const fetcher = await openPage(context);
  const original = await openPage(context, secret);
  const guests = [keeper, fetcher];
  const all = [authority, ...guests, original];

  await joinWith(authority, secret);
  await joinWith(keeper, await grant());
  await fetcher.evaluate(async (room) => {
    window.channel = await client.JoinChannel(room, "chat", () => grant(), false);
  }, ROOM);
  await sees(original, { name: "joined" });

  /** What the authority says reaches everybody, once. */
  const relays = async (n) => {
    await authority.evaluate((n) => channel.send("news", -1, { n }), n);
    for (const page of all) await sees(page, { name: "message", n });
    for (const page of all) {
      const count = await page.evaluate((n) => seen.filter((event) => event.n === n).length, n);
      assert.equal(count, 1);
    }
  };
  await relays(1);

  // The line is lost, and the server goes on: a token that was used is good again.
  for (const page of all) await clear(page);
  await askTest("restart nginx");
  for (const page of all) await sees(page, { name: "joined", channelname: ROOM });
  for (const page of [authority, ...guests]) await isJoined(page);
  await relays(2);
  assert.deepEqual(await keeper.evaluate(() => channel.info),
    { auth: false, mode: 0, extra: { nr: 1 } });
  assert.equal(await countOwnJoins(original), 1, "joined by the page and by the client");

  // The server is gone. What an authority has to say meanwhile waits.
  for (const page of all) await clear(page);
  await askTest("end fantail");
  for (const page of all) await sees(page, { name: "disconnect" });
  await authority.evaluate(() => channel.send("late", -1, { n: 3 }));
  await keeper.evaluate(() => {
    window.refused = [];
    channel.addEventListener("refused", ({ error, retryIn }) =>
      refused.push([error.code, typeof retryIn]));
  });
  await askTest("start fantail");

  // Who has a token of the configuration comes back, and who can fetch a new one.
  await isJoined(authority);
  await sees(authority, { name: "message", cmd: "late", n: 3 });
  await isJoined(fetcher);
  await sees(original, { name: "joined", channelname: ROOM });

  // A granted token has died with the server: the page is told, and may give another.
  await keeper.waitForFunction(() => refused.length > 0);
  assert.deepEqual((await keeper.evaluate(() => refused))[0], ["access_denied", "number"]);
  const same = await keeper.evaluate(async ([room, token]) =>
    (await client.JoinChannel(room, "chat", token, false)) === channel, [ROOM, await grant()]);
  assert.equal(same, true);
  await relays(4);

  await authority.evaluate(() => client.close());
  await sees(keeper, { name: "left" });
  assert.equal(await authority.evaluate(() => channel.state), "left");
});
askNoMore();
