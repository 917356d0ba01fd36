// A web server that makes reports, which takes a while, and tells the page when one is ready.
//
//   node server.mjs
//
// Settings, all in the environment: PORT of the pages, FANTAIL_URL for this program,
// FANTAIL_PAGE_URL for the pages if they reach Fantail elsewhere, FANTAIL_TOKEN of drc.tokens if
// this program's address is no authority, REPORT_MS that a report takes.

import { randomUUID } from "node:crypto";
import { readFile } from "node:fs/promises";
import { createServer } from "node:http";
import { DRCClient } from "fantail-client/drc";

const {
  PORT = "8000",
  FANTAIL_URL = "ws://127.0.0.1:7328/drc",
  FANTAIL_PAGE_URL = FANTAIL_URL,
  FANTAIL_TOKEN = "",
  REPORT_MS = "4000",
} = process.env;

const PROTOCOL = "report";
const RECEIVE_ONLY = 0;
const MOST_REPORTS = 100;
const KEPT_FOR_MS = 600_000;
const PATIENCE_MS = 5_000;

// Fantail wants to know an origin; any of this machine will do.
const fantail = new DRCClient(FANTAIL_URL, { origin: "http://127.0.0.1" });
fantail.addEventListener("error", ({ error }) => console.error("Fantail:", error));

/** By number: `{ channel, text }`, where `text` is null until it is made. */
const reports = new Map();

async function beginReport() {
  if (reports.size >= MOST_REPORTS) throw new Error("too many reports");
  const id = randomUUID();
  const channel = await soon(fantail.JoinChannel(`report-${id}`, PROTOCOL, FANTAIL_TOKEN));
  const report = { channel, text: null };
  reports.set(id, report);
  const tell = (to) => channel.send("READY", to, { url: `/reports/${id}` });
  // A page that comes, or comes back, after the report was made.
  channel.addEventListener("joined", (joined) => {
    if (report.text !== null && joined.id !== channel.clientId) tell(joined.id);
  });
  setTimeout(() => {
    report.text = `Report ${id}\n\nEverything is in order.\n`;
    tell(-1);
  }, Number(REPORT_MS));
  setTimeout(() => {
    reports.delete(id);
    channel.leave();
  }, KEPT_FOR_MS).unref();
  return { id };
}

/** In earnest, ask here whether this visitor may see this report. */
async function grantToken(id) {
  const { channel } = reports.get(id);
  const grant = fantail.CreateToken(FANTAIL_TOKEN, channel.name, PROTOCOL, RECEIVE_ONLY);
  return { token: await soon(grant) };
}

/** Nobody likes to wait for Fantail if it is not there just now: the page will ask again. */
function soon(promise) {
  const late = new Promise((_, reject) => {
    setTimeout(reject, PATIENCE_MS, new Error("Fantail does not answer")).unref();
  });
  return Promise.race([promise, late]);
}

async function readPage() {
  const page = await readFile(new URL("page.html", import.meta.url), "utf8");
  return page.replace("{{FANTAIL_PAGE_URL}}", FANTAIL_PAGE_URL);
}

const readScript = () => readFile(new URL("../../dist/fantail.js", import.meta.url));

async function answer(method, path) {
  const [, id, more] = /^\/reports\/([\w-]+)(\/token)?$/.exec(path) ?? [];
  if (method === "GET" && path === "/") return ["text/html", await readPage()];
  if (method === "GET" && path === "/fantail.js") return ["text/javascript", await readScript()];
  if (method === "POST" && path === "/reports") return json(await beginReport());
  if (method === "POST" && more && reports.has(id)) return json(await grantToken(id));
  if (method === "GET" && !more && reports.get(id)?.text) return ["text/plain", reports.get(id).text];
  return null;
}

const json = (value) => ["application/json", JSON.stringify(value)];

const server = createServer(async (request, response) => {
  try {
    const answered = await answer(request.method, request.url);
    if (!answered) return response.writeHead(404).end("not found\n");
    const [type, body] = answered;
    response.writeHead(200, { "Content-Type": `${type}; charset=utf-8` }).end(body);
  } catch (error) {
    response.writeHead(503).end(`${error.message}\n`);
  }
});
server.listen(Number(PORT), "127.0.0.1", () => {
  console.log(`reports on http://127.0.0.1:${server.address().port}/`);
});
