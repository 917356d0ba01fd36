// The types of clients/js: what users write fits them, and they name what there is.

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import ts from "typescript";
import * as package_ from "../../clients/js/src/index.js";

const client = new URL("../../clients/js/", import.meta.url);
const pathOf = (name) => fileURLToPath(new URL(name, client));
const USES = ["test/types.ts", "test/dsock_types.ts", "test/topic_types.ts"];
const program = ts.createProgram(USES.map(pathOf), {
  strict: true,
  noEmit: true,
  exactOptionalPropertyTypes: true,
  noUncheckedIndexedAccess: true,
  target: ts.ScriptTarget.ES2022,
  module: ts.ModuleKind.NodeNext,
  moduleResolution: ts.ModuleResolutionKind.NodeNext,
  lib: ["lib.es2022.d.ts", "lib.dom.d.ts", "lib.dom.iterable.d.ts"],
  types: [],
});

const host = {
  getCanonicalFileName: (name) => name,
  getCurrentDirectory: () => pathOf(""),
  getNewLine: () => "\n",
};
const diagnostics = ts.getPreEmitDiagnostics(program);
assert.equal(ts.formatDiagnostics(diagnostics, host), "");

const checker = program.getTypeChecker();
const classes = ["src/drc.d.ts", "src/dsock.d.ts", "src/topics.d.ts"].flatMap((path) => {
  const declarations = program.getSourceFile(pathOf(path));
  const exported = checker.getExportsOfModule(checker.getSymbolAtLocation(declarations));
  return exported.filter(({ flags }) => flags & ts.SymbolFlags.Class);
});
assert.deepEqual(classes.map(({ name }) => name).sort(), Object.keys(package_).sort());

/** What objects have that their prototypes do not. */
const FIELDS = {
  Channel: [],
  DRCClient: ["debug"],
  DRCError: ["code"],
  DSockClient: [],
  DSockError: ["code", "status", "requestId"],
  TopicClient: [],
};
const UNDECLARED = ["constructor", "toReply"];

for (const { name, members } of classes) {
  const declared = [...members.keys()].filter((member) => member !== "__constructor");
  const methods = Object.getOwnPropertyNames(package_[name].prototype);
  const there = [...methods, ...FIELDS[name]].filter((member) => !UNDECLARED.includes(member));
  assert.deepEqual(declared.sort(), there.sort(), name);
}
