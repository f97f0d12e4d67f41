// The cases by which all languages' strategies are held together: lines that tests/cpp/strategy_cases.py writes.
import { createHash } from "node:crypto";
import { LamaError } from "../../dist/errors.js";
import { Strategist } from "../../dist/strategies/strategist.js";
import { holeOf, pixelsOf } from "./pictures.mjs";
import { toyBackend } from "./toy.mjs";

/** Of a file's text. Throws for a line that is none of a case's. */
export function casesOf(text) {
  const cases = text.split(/^case /m).slice(1).map((one) => caseOf(one.trimEnd().split("\n")));
  if (!cases.length) throw new Error("no case; nothing to run is no success");
  return cases;
}

function caseOf(lines) {
  const expect = lines.indexOf("expect");
  if (expect < 0 || lines.at(-1) !== "end") throw new Error(`case ${lines[0]}: not whole`);
  const one = { name: lines[0], pictures: [], expected: lines.slice(expect + 1, -1) };
  for (const line of lines.slice(1, expect)) readLine(one, line);
  return one;
}

function readLine(one, line) {
  const [word, ...values] = line.split(" ");
  const numbers = values.filter((value) => /^\d+$/.test(value)).map(Number);
  const [first, second, third, fourth] = numbers;
  if (word === "options") one.options = { strategy: values[0], limit: first, margin: second };
  else if (word === "engine")
    one.engine = { batch: first, window: second, memory: third, fixedFrom: fourth, manner: values[4], shapes: [] };
  else if (word === "range")
    one.engine.shapes.push({ least: numbers.slice(0, 3), best: numbers.slice(3, 6), largest: numbers.slice(6, 9) });
  else if (word === "picture") one.pictures.push({ height: first, width: second, seed: third, holes: [] });
  else if (word === "hole") one.pictures.at(-1).holes.push(numbers);
  else throw new Error(`not a line of a case: ${line}`);
}

/** What TypeScript does with it, in the words of the cases. */
export async function done({ options, engine, pictures }) {
  const told = [];
  const strategist = new Strategist(toyBackend(engine, told), (level, line) => told.push(`${level} ${line}`));
  const holes = pictures.map(holeOf);
  const plans = holes.flatMap((hole) => planned(strategist.plan(hole, options)));
  if (engine.manner === "none") return plans;
  const canvases = pictures.map((picture) => pixelsOf(picture));
  const seen = counted();
  try {
    await strategist.fill(canvases, holes, options, seen.progress);
  } catch (error) {
    if (!(error instanceof LamaError)) throw error;
    return [...plans, `fails ${error.kind}`];
  }
  seen.check();
  return [...plans, ...told, ...canvases.map(({ data }) => `filled ${createHash("sha256").update(data).digest("hex")}`)];
}

function planned(plan) {
  const steps = plan.steps.map(({ kind, window, size }) =>
    ["step", kind, window.top, window.left, window.height, window.width, ...size].join(" "),
  );
  return [`plan ${plan.text}: ${plan.windows}`, ...steps];
}

/** Says how far it is after each run, up to all of it, where anything runs. */
function counted() {
  let [done, all] = [0, 0];
  return {
    progress(now, of) {
      if (now <= done || now > of) throw new Error("progress goes back, or beyond its end");
      [done, all] = [now, of];
    },
    check() {
      if (done !== all) throw new Error("progress ends before its end");
    },
  };
}
