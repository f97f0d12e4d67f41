// Fills drawn pictures with a model, for tests in Python: a JSON of jobs on standard input, one of results on standard
// output. node fill.mjs MODEL [OPTIONS OF load AS JSON]
import { createHash } from "node:crypto";
import { text } from "node:stream/consumers";
import { Inpainter, LamaError } from "../../dist/index.js";
import { holeOf, pixelsOf } from "./pictures.mjs";

const [model, options = "{}"] = process.argv.slice(2);

async function filled(inpainter, { picture, channels = 3, run }) {
  const progress = [];
  const told = (...counts) => progress.push(counts);
  const { pixels, plan, notes } = await inpainter.run(pixelsOf(picture, channels), holeOf(picture), { ...run, progress: told });
  return { sha256: createHash("sha256").update(pixels.data).digest("hex"), plan, notes, progress };
}

try {
  const inpainter = await Inpainter.load(model, JSON.parse(options));
  const results = [];
  for (const job of JSON.parse(await text(process.stdin))) results.push(await filled(inpainter, job));
  console.log(JSON.stringify(results));
  await inpainter.dispose();
} catch (error) {
  if (!(error instanceof LamaError)) throw error;
  console.log(JSON.stringify({ kind: error.kind, message: error.message }));
}
