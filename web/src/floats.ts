// Bytes and floats: how pixels go into a model with the float interface and come out of it. As pixels.py of lama_deploy.
import { LamaError } from "./errors.js";
import { NOT_FINITE } from "./strategies/results.js";
import type { Shape } from "./shapes.js";

/** image: N x 3 x H x W in [0, 1]; mask: N x 1 x H x W, 0 or 1. */
export function planesOf([count, height, width]: Shape, images: Uint8Array, masks: Uint8Array) {
  const pixels = height * width;
  const image = new Float32Array(images.length);
  for (let n = 0, from = 0; n < count; ++n)
    for (let i = 0; i < pixels; ++i) for (let c = 0; c < 3; ++c) image[(3 * n + c) * pixels + i] = images[from++]! / 255;
  return { image, mask: Float32Array.from(masks, (value) => (value ? 1 : 0)) };
}

/** N x 3 x H x W -> N x H x W x 3, scaled, clipped and truncated. Throws LamaError "engine" for NaN and infinity. */
export function toBytes(result: Float32Array, [count, height, width]: Shape): Uint8Array {
  const pixels = height * width;
  const bytes = new Uint8Array(result.length);
  for (let n = 0, to = 0; n < count; ++n)
    for (let i = 0; i < pixels; ++i)
      for (let c = 0; c < 3; ++c) {
        const value = result[(3 * n + c) * pixels + i]!;
        if (!Number.isFinite(value)) throw new LamaError("engine", `the model computed NaN or infinity; ${NOT_FINITE}`);
        bytes[to++] = Math.min(255, Math.max(0, Math.fround(value * 255)));
      }
  return bytes;
}
