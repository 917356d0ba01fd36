// A page with the client of topics that is loaded again, and whose server is ended and started
// again: CHROMIUM URL-OF-A-PAGE WEBSOCKET-URL. The test publishes and ends when asked to.

import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { askNoMore, askTest } from "./ask_test.mjs";
import { withBrowser } from "./browser.mjs";

const [executable, pageUrl, topicUrl] = process.argv.slice(2);
const script = await readFile(new URL("../../clients/js/dist/fantail.js", import.meta.url), "utf8");
let published = 0;

/** Has the test publish the next numbers. */
const publish = async (count) => {
  await askTest(`publish ${published} ${count}`);
  published += count;
};

/** Loads the page, which writes down what it hears where it finds it again. */
const load = async (page, way) => {
  await way(page);
  await page.addScriptTag({ content: script });
  await page.evaluate((url) => {
    window.client = new TopicClient(url, {
      since: 0,
      storage: sessionStorage,
      reconnect: { first: 20, longest: 100 },
    });
    client.addEventListener("message", ({ data }) =>
      sessionStorage.setItem("heard", `${sessionStorage.getItem("heard") ?? ""}${data} `));
  }, topicUrl);
};

const hears = (page) =>
  page.waitForFunction((last) => sessionStorage.getItem("heard")?.endsWith(` ${last} `),
    String(published - 1));

await withBrowser(executable, async (context) => {
  const page = await context.newPage();
  await publish(10);
  await load(page, (page) => page.goto(pageUrl));
  await hears(page);
  for (let round = 0; round < 3; round += 1) {
    await publish(20);
    // Somewhere in what is live, and what is sent while there is no page.
    const reload = page.goto("about:blank");
    await publish(20);
    await reload;
    await publish(20);
    await load(page, (page) => page.goto(pageUrl));
    await publish(20);
  }
  await hears(page);

  // The server is gone and comes back; what is sent before the page is back is not lost.
  await askTest("restart");
  await publish(20);
  await hears(page);
  await askTest("kill");
  await publish(20);
  await hears(page);

  const heard = (await page.evaluate(() => sessionStorage.getItem("heard"))).trim().split(" ");
  assert.deepEqual(heard, Array.from({ length: published }, (_, number) => String(number)));
});
askNoMore();
