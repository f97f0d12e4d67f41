// Batches and small pictures that an engine does not take as they are: split, filled up, mirrored. As parts.py of
// lama_deploy.
import { LamaError } from "../errors.js";
import { sizeWords } from "../pictures.js";
import { product, type Shape, type Size } from "../shapes.js";

export type Run = (shape: Shape, images: Uint8Array, masks: Uint8Array) => Promise<Uint8Array>;

/** Throws LamaError "input" for pictures larger than the part, which a strategy gives in windows. */
export async function runInParts(
  run: Run,
  shape: Shape,
  images: Uint8Array,
  masks: Uint8Array,
  part: Shape,
): Promise<Uint8Array> {
  const [count, ...size] = shape;
  const [most, ...sides] = part;
  if (size[0] > sides[0] || size[1] > sides[1])
    throw new LamaError(
      "input",
      `the engine takes ${sizeWords(sides)} pixels at once, not ${sizeWords(size)}; a strategy other than whole fills ` +
        "such pictures in windows",
    );
  const [from, to] = [product(size), product(sides)];
  const results = new Uint8Array(3 * count * from);
  const [given, holes] = [new Uint8Array(3 * most * to), new Uint8Array(most * to)];
  for (let start = 0; start < count; start += most) {
    const taken = Math.min(most, count - start);
    for (let i = 0; i < most; ++i) {
      const picture = start + Math.min(i, taken - 1); // fewer are filled up with the last one
      mirror(images.subarray(3 * picture * from, 3 * (picture + 1) * from), size, given.subarray(3 * i * to), sides, 3);
      mirror(masks.subarray(picture * from, (picture + 1) * from), size, holes.subarray(i * to), sides, 1);
    }
    const filled = await run(part, given, holes);
    for (let i = 0; i < taken; ++i) cut(filled.subarray(3 * i * to), sides, results.subarray(3 * (start + i) * from), size);
  }
  return results;
}

/** Where the value at `index` of a line beyond its end comes from: from the end back to the start, and so on. */
function mirrored(index: number, length: number): number {
  const at = index % (2 * length);
  return at < length ? at : 2 * length - 1 - at;
}

/** One picture of `from`, made larger at the lower and right edge. */
function mirror(image: Uint8Array, from: Size, out: Uint8Array, to: Size, channels: number): void {
  for (let y = 0, i = 0; y < to[0]; ++y) {
    const row = mirrored(y, from[0]) * from[1];
    for (let x = 0; x < to[1]; ++x) {
      const place = (row + mirrored(x, from[1])) * channels;
      for (let c = 0; c < channels; ++c) out[i++] = image[place + c]!;
    }
  }
}

function cut(image: Uint8Array, from: Size, out: Uint8Array, to: Size): void {
  for (let y = 0; y < to[0]; ++y) {
    const row = 3 * y * from[1];
    out.set(image.subarray(row, row + 3 * to[1]), 3 * y * to[1]);
  }
}
