// Makes dist/fantail.js, a classic script for pages that load it with a script tag, out of
// src/script.js and the modules that it needs. What src/script.js exports becomes global.
// `node build.mjs --check` only tells whether the file is up to date.
//
// The modules are put behind one another inside of one function. That works because they use no
// more of the syntax than this script knows: named imports of relative paths, and `export` before
// declarations or in lists `export ... from`; and because no two of them declare the same name.

import { readFile, writeFile } from "node:fs/promises";

const ENTRY = new URL("src/script.js", import.meta.url);
const SCRIPT = new URL("dist/fantail.js", import.meta.url);

const IMPORT = /^import \{[^}]*\} from "(\.[^"]*)";\n/gm;
const EXPORT_FROM = /^export (?:\*|\{([^}]*)\}) from "(\.[^"]*)";\n/gm;
const EXPORT = /^export (?=(?:const|class|(?:async )?function) )/gm;
const TOP_LEVEL_NAME = /^(?:const|let|class|(?:async )?function) (\w+|\{[^}]*\})/gm;

const seen = new Set();
const bodies = [];
const offered = [];

/** Those that a module needs come before it. */
async function add(url) {
  if (seen.has(url.href)) return;
  seen.add(url.href);
  const source = await readFile(url, "utf8");
  for (const [, path] of source.matchAll(IMPORT)) await add(new URL(path, url));
  for (const [, names, path] of source.matchAll(EXPORT_FROM)) {
    await add(new URL(path, url));
    if (names && url === ENTRY) offered.push(...names.split(",").map((name) => name.trim()).filter(Boolean));
  }
  const body = source.replace(IMPORT, "").replace(EXPORT_FROM, "").replace(EXPORT, "");
  if (/^(?:import|export)\b/m.test(body)) throw new Error(`${url}: syntax unknown to build.mjs`);
  if (/^(?!\/\/)./m.test(body)) bodies.push(body.trim());
}

function assertNamesAreDistinct() {
  const names = bodies.flatMap((body) => [...body.matchAll(TOP_LEVEL_NAME)].map(([, name]) => name));
  const twice = names.find((name, index) => names.indexOf(name) !== index);
  if (twice) throw new Error(`two modules declare ${twice}`);
}

await add(ENTRY);
assertNamesAreDistinct();
const indented = bodies.join("\n\n").replace(/^(?=.)/gm, "  ");
const script = `// Made by build.mjs out of the modules in src; change those instead.

(() => {
  "use strict";

${indented}

  Object.assign(globalThis, { ${offered.join(", ")} });
})();
`;

if (process.argv.includes("--check")) {
  if ((await readFile(SCRIPT, "utf8")) !== script) {
    console.error("dist/fantail.js is not what src makes: run `node build.mjs`");
    process.exit(1);
  }
} else {
  await writeFile(SCRIPT, script);
}
