// The statistics page of a server without clients, which then ends: CHROMIUM URL PID.

import assert from "node:assert/strict";
import { watch, withBrowser } from "./browser.mjs";

const [executable, url, pid] = process.argv.slice(2);
const { host } = new URL(url);

await withBrowser(executable, async (context) => {
  const page = await context.newPage();
  const faults = watch(page, host);
  await page.goto(url);

  await page.getByText("Nobody is connected.").waitFor();
  const example = await page.locator("#example").innerText();
  assert.equal(example, `fantail sub ws://${host}/demo\nfantail pub ws://${host}/demo "hello"`);
  assert.equal(await page.getByRole("table").count(), 0);
  assert.equal(await page.getByRole("status").innerText(), "Live");
  faults.assertNone();

  process.kill(Number(pid), "SIGTERM");
  await page.getByRole("status").filter({ hasText: "Reconnecting" }).waitFor();
});
