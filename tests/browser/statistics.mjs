// The statistics page with clients: CHROMIUM URL SCREENSHOTS. The test that runs this has
// connected the clients, which keep sending.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { watch, withBrowser } from "./browser.mjs";

const [executable, url, screenshots] = process.argv.slice(2);
const { host } = new URL(url);

/** The rows of a topic as [role, text of the client's cell, sent, received]. */
async function rows(page, topic) {
  const group = page.locator("tbody", { has: page.getByText(topic, { exact: true }) });
  return group.locator("tr.row").evaluateAll((found) =>
    found.map((row) => [
      row.querySelector(".role").innerText,
      row.querySelector("th").innerText,
      ...[...row.querySelectorAll("td")].map((cell) => cell.innerText),
    ]));
}

async function showsSendersAndReceivers(page) {
  await page.locator('#state[data-state="live"]').waitFor();
  // The clients began before the page: what they sent is there as soon as they are.
  await page.getByText("/out/camera", { exact: true }).waitFor();

  const camera = await rows(page, "/out/camera");
  assert.deepEqual(camera.map(([role]) => role), ["Sender", "Receiver", "Receiver"]);
  const [sender, receiver] = camera;
  assert.match(sender[2], /\d\/s\s+1\.0 KiB each, .* ago/);
  assert.match(sender[3], /nothing yet/);
  assert.match(receiver[1], /receive only/);
  assert.match(receiver[2], /nothing yet/);
  assert.match(receiver[3], /\d\/s\s+1\.0 KiB each, .* ago/);

  const chat = await rows(page, "/chat");
  assert.deepEqual(chat.map(([role]) => role), ["Sender", "Receiver"]);
  // The size is that of the message, without what frames it.
  assert.match(chat[0][2], /\s12 B each/);
  assert.match(chat[1][3], /\s12 B each/);
}

/** The totals are about the same as the table; using the page reaches no limit. */
async function showsTotals(page) {
  assert.equal(await page.locator("#topics").innerText(), "3");
  assert.equal(await page.locator("#limits").isHidden(), true, "a limit is said to be reached");
}

async function showsWhatPeersSayAsText(page) {
  const [, hostile] = (await rows(page, "/hostile"))[0];
  assert.match(hostile, /<img src=x onerror="document\.title='taken'">/);
  assert.equal(await page.title(), "Fantail statistics");
  assert.equal(await page.locator("img").count(), 0);
}

async function updatesByItself(page) {
  for (const id of ["received-detail", "delivered-detail"]) {
    const before = await page.locator(`#${id}`).innerText();
    await page.waitForFunction(
      ([id, before]) => document.getElementById(id).innerText !== before, [id, before]);
  }
  await page.waitForFunction(
    () => /^[1-9][\d.,]*\/s$/.test(document.getElementById("received").innerText));
}

async function showsWhoComesAndGoes(page) {
  const topic = page.getByText("/visitor", { exact: true });
  assert.equal(await topic.count(), 0);
  await page.evaluate((address) => {
    window.visitor = new WebSocket(address);
  }, `ws://${host}/visitor`);
  await topic.waitFor();
  const [[role, client, sent]] = await rows(page, "/visitor");
  assert.equal(role, "Receiver");
  assert.match(client, /Chrome/);
  assert.match(sent, /nothing yet/);
  await page.evaluate(() => window.visitor.close());
  await topic.waitFor({ state: "detached" });
}

async function filters(page) {
  const groups = page.locator("tbody");
  const all = await groups.count();
  const filter = page.getByRole("searchbox", { name: "Filter" });
  await filter.fill("CAMERA send");
  assert.equal(await groups.count(), 1);
  assert.equal((await rows(page, "/out/camera")).length, 1);
  await filter.fill("no such thing");
  await page.getByText("No client matches the filter.").waitFor();
  await filter.fill("");
  await filter.blur();
  assert.equal(await groups.count(), all);
}

/** Table semantics, and every text with the contrast that WCAG 2 AA asks for (4.5). */
async function isAccessible(page) {
  await page.getByRole("table", { name: "Topics and their clients" }).waitFor();
  assert.equal(await page.getByRole("columnheader", { name: "Received" }).count(), 1);
  assert.ok(await page.getByRole("rowheader").count() >= 4);
  const pale = await page.evaluate(paleTexts);
  assert.deepEqual(pale, []);
}

function paleTexts() {
  const channels = (color) => color.match(/[\d.]+/g).map(Number);
  const luminance = (color) => channels(color).slice(0, 3)
    .map((channel) => channel / 255)
    .map((c) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4))
    .reduce((sum, c, index) => sum + c * [0.2126, 0.7152, 0.0722][index], 0);
  const background = (element) => {
    const color = getComputedStyle(element).backgroundColor;
    return channels(color)[3] === 0 ? background(element.parentElement) : color;
  };
  const found = [];
  for (const element of document.body.querySelectorAll("*")) {
    const hasText = [...element.childNodes].some(
      (node) => node.nodeType === Node.TEXT_NODE && node.data.trim() !== "");
    if (!hasText || !element.checkVisibility()) continue;
    const pair = [luminance(getComputedStyle(element).color), luminance(background(element))];
    const contrast = (Math.max(...pair) + 0.05) / (Math.min(...pair) + 0.05);
    if (contrast < 4.5) found.push(`${element.innerText}: ${contrast.toFixed(2)}`);
  }
  return found;
}

async function fitsAPhone(page) {
  await page.setViewportSize({ width: 390, height: 844 });
  const { scrollWidth, cutOff } = await page.evaluate(() => ({
    scrollWidth: document.documentElement.scrollWidth,
    cutOff: [...document.querySelectorAll("th, td, dd")]
      .filter((cell) => cell.checkVisibility() && cell.scrollWidth > cell.clientWidth + 1)
      .map((cell) => cell.innerText),
  }));
  assert.equal(scrollWidth, 390);
  assert.deepEqual(cutOff, []);
}

await mkdir(screenshots, { recursive: true });
const picture = (page, name) =>
  page.screenshot({ path: join(screenshots, `${name}.png`), fullPage: true });

await withBrowser(executable, async (context) => {
  const page = await context.newPage();
  const faults = watch(page, host);
  await page.goto(url);

  await showsSendersAndReceivers(page);
  await showsWhatPeersSayAsText(page);
  await updatesByItself(page);
  await showsWhoComesAndGoes(page);
  await filters(page);
  await showsTotals(page);
  await isAccessible(page);
  await picture(page, "desktop-light");

  const light = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  await page.emulateMedia({ colorScheme: "dark" });
  const dark = await page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  assert.notEqual(dark, light);
  await isAccessible(page);
  await picture(page, "desktop-dark");

  await page.emulateMedia({ colorScheme: "light" });
  await fitsAPhone(page);
  await isAccessible(page);
  await picture(page, "phone");

  faults.assertNone();
});
