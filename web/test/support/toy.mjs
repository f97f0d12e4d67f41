// The toy engine of the stored cases: `toy` of tests/cpp/strategy_cases.py, and cpp/tests/toy_engine.cpp.
import { LamaError } from "../../dist/errors.js";

/** A backend of a case's engine; told: gets a line for each run. */
export function toyBackend(engine, told) {
  const { batch, window, shapes, memory, fixedFrom, manner } = engine;
  return {
    capabilities: { batch, window, shapes },
    mostPixels() {
      if (!memory) return Infinity;
      if (!fixedFrom) return memory;
      return 2 * memory >= fixedFrom ? 2 * memory : Math.min(memory, fixedFrom - 1);
    },
    async run(shape, images, masks) {
      const pixels = shape[0] * shape[1] * shape[2];
      const fixed = fixedFrom && pixels >= fixedFrom;
      if (memory && pixels * (fixed ? 0.5 : 1) > memory) throw new LamaError("memory", "too large");
      told.push(`${fixed ? "fixed" : "run"} ${shape.join(" ")}`);
      if (manner === "alone" && shape[0] > 1) throw new LamaError("engine", "more than one picture");
      return manner === "black" ? new Uint8Array(3 * pixels) : filled(shape, images, masks);
    },
  };
}

/** Sums of what is known in a pixel's row and column, so that any other window shows. Known pixels come back changed. */
function filled([count, height, width], images, masks) {
  const results = new Uint8Array(images.length);
  const pixels = height * width;
  for (let i = 0; i < count; ++i)
    fill(height, width, images.subarray(3 * pixels * i), masks.subarray(pixels * i), results.subarray(3 * pixels * i));
  return results;
}

function fill(height, width, image, mask, result) {
  const [rows, columns, above] = [3 * height, 3 * width, 3 * width].map((length) => new Uint32Array(length));
  for (let y = 0, i = 0; y < height; ++y)
    for (let x = 0; x < width; ++x, ++i)
      for (let c = 0; c < 3 && !mask[i]; ++c) {
        rows[3 * y + c] += image[3 * i + c];
        columns[3 * x + c] += image[3 * i + c];
      }
  for (let y = 0, i = 0; y < height; ++y) {
    const left = [0, 0, 0];
    let holes = 0;
    for (let x = 0; x < width; ++x, ++i) {
      if (mask[i]) ++holes;
      for (let c = 0; c < 3; ++c) {
        const value = image[3 * i + c];
        const known = mask[i] ? 0 : value;
        left[c] += known;
        above[3 * x + c] += known;
        const sums = 2 * columns[3 * x + c] + 3 * rows[3 * y + c] + 5 * above[3 * x + c] + 7 * left[c] + 11 * holes;
        const place = 13 * y + 17 * x + 19 * c + 23 * height + 29 * width;
        result[3 * i + c] = mask[i] ? (sums + place) >>> 3 : value + 1;
      }
    }
  }
}
