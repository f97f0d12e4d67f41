// The strategies of Python, C++ and TypeScript do the same: the same windows, in the same order, with the same bytes.
// LAMA_CASES: a file of cases in place of the stored ones.
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { test } from "node:test";
import { casesOf, done } from "./support/cases.mjs";
import { holeOf, pixelsOf } from "./support/pictures.mjs";
import { toyBackend } from "./support/toy.mjs";
import { Strategist } from "../dist/strategies/strategist.js";

const STORED = new URL("../../tests/cpp/vectors/strategies.txt", import.meta.url);
const cases = casesOf(await readFile(process.env.LAMA_CASES ?? STORED, "utf8"));

test("every case is done as Python does it", async (t) => {
  for (const one of cases) assert.deepEqual(await done(one), one.expected, `case ${one.name}`);
  t.diagnostic(`${cases.length} cases`);
});

test("a fourth channel stays, and changes nothing", async () => {
  const right = cases.filter(({ engine, expected }) => engine.manner === "right" && expected.at(-1).startsWith("filled "));
  const kinds = new Map(right.map((one) => [one.expected[0].replace(/\d+/g, ""), one]));
  for (const one of kinds.values()) {
    const filled = await Promise.all(
      [3, 4].map(async (channels) => {
        const canvases = one.pictures.map((picture) => pixelsOf(picture, channels));
        const strategist = new Strategist(toyBackend(one.engine, []), () => undefined);
        const failure = await strategist.fill(canvases, one.pictures.map(holeOf), one.options).catch((error) => error);
        return failure instanceof Error ? failure.kind : canvases;
      }),
    );
    if (typeof filled[0] === "string") assert.equal(filled[1], filled[0]);
    else filled[1].forEach((canvas, i) => assertSame(canvas, filled[0][i].data, one.pictures[i].seed % 256));
  }
});

function assertSame({ data }, colours, alpha) {
  for (let i = 0; i < data.length; ++i)
    if (data[i] !== (i % 4 < 3 ? colours[(i >> 2) * 3 + (i % 4)] : alpha)) assert.fail(`byte ${i} differs`);
}

test("a wrong byte is told", async () => {
  const one = cases.find(({ expected }) => expected.at(-1).startsWith("filled "));
  assert.notDeepEqual(await done({ ...one, pictures: one.pictures.map((p) => ({ ...p, seed: p.seed + 1 })) }), one.expected);
});

test("what is no case is no success", () => {
  for (const text of ["", "case a\nsurprise 1\nexpect\nend\n", "case a\noptions auto 128 64\n"])
    assert.throws(() => casesOf(text));
});
