// Asks the test that runs this script for something that only it can do, such as ending the
// server: a line on standard output, and an answer on standard input when it is done.

import { createInterface } from "node:readline";

const answers = createInterface({ input: process.stdin })[Symbol.asyncIterator]();

export async function askTest(what) {
  console.log(`please ${what}`);
  const { value } = await answers.next();
  if (value !== "done") throw new Error(`'${what}' was answered with '${value}'`);
}

/** Without this, the script would wait for more answers for ever. */
export function askNoMore() {
  process.stdin.destroy();
}
