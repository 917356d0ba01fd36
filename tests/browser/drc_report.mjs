// The page of clients/js/examples/report, whose server runs, behind nginx:
// CHROMIUM NGINX-HOST SCREENSHOTS. The test ends and starts Fantail when asked to.

import assert from "node:assert/strict";
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { askNoMore, askTest } from "./ask_test.mjs";
import { watch, withBrowser } from "./browser.mjs";

const [executable, host, screenshots] = process.argv.slice(2);
await mkdir(screenshots, { recursive: true });

await withBrowser(executable, async (context) => {
  const page = await context.newPage();
  const picture = (name) => page.screenshot({ path: join(screenshots, `report-${name}.png`) });
  const state = page.getByRole("status");
  const make = page.getByRole("button", { name: "Make a report" });
  const ready = () => state.filter({ hasText: "Your report is ready." }).waitFor();
  const faults = watch(page, host);

  await page.setViewportSize({ width: 720, height: 520 });
  await page.goto(`http://${host}/`);
  await page.getByText("Connected.").waitFor();
  await make.click();
  await state.filter({ hasText: "is being made" }).waitFor();
  await picture("begun");
  await ready();
  assert.match(await page.locator("#report").innerText(), /Everything is in order/);
  await picture("ready");
  faults.assertNone();

  // The server is gone while a report is made, and everybody finds together again.
  await make.click();
  await page.waitForFunction(() => Object.keys(drc.GetChannels()).length === 1);
  await askTest("end fantail");
  await page.getByText("Connecting again…").waitFor();
  await picture("lost");
  await askTest("start fantail");
  await ready();
  assert.equal(await make.isEnabled(), true);
});
askNoMore();
