// What the scripts here share: a Chromium of its own with an empty profile, and pages that are
// watched. A script is run by ../browser.rs, asserts, and exits with 0 if all is well.

import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { chromium } from "playwright-core";

const PATIENCE = 15_000;

const ARGUMENTS = [
  "--disable-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  // Loopback is where all the servers of these tests are.
  "--disable-features=LocalNetworkAccessChecks,LocalNetworkAccessChecksWebSockets",
];

/** Runs `use` with a browser context; `executable` is the path of Chromium. */
export async function withBrowser(executable, use) {
  const profile = await mkdtemp(join(tmpdir(), "fantail-chromium-"));
  const context = await chromium.launchPersistentContext(profile, {
    executablePath: executable,
    args: ARGUMENTS,
    chromiumSandbox: false,
    colorScheme: "light",
    viewport: { width: 1280, height: 860 },
  });
  context.setDefaultTimeout(PATIENCE);
  try {
    await use(context);
  } finally {
    await context.close();
    await rm(profile, { recursive: true, force: true });
  }
}

/**
 * Notes what a page must not do: asking any server but `host` for anything, getting an error as
 * an answer, an error on the console or in a script.
 */
export function watch(page, host) {
  const faults = [];
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol !== "data:" && url.host !== host) faults.push(`asked for ${url}`);
  });
  page.on("response", (response) => {
    if (response.status() >= 400) faults.push(`${response.status()} for ${response.url()}`);
  });
  page.on("requestfailed", (request) => faults.push(`no answer for ${request.url()}`));
  page.on("websocket", (socket) => {
    if (new URL(socket.url()).host !== host) faults.push(`connected to ${socket.url()}`);
  });
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) faults.push(`console: ${message.text()}`);
  });
  page.on("pageerror", (error) => faults.push(`script: ${error.stack}`));
  return { assertNone: () => assert.deepEqual(faults, []) };
}
