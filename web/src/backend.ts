// What an engine declares and does: the counterpart of lama_deploy/runtime/backend.py.
import { partFor, type Shape, type ShapeRange } from "./shapes.js";

export interface Capabilities {
  /** Empty: any. */
  readonly shapes: readonly ShapeRange[];
  /** Pictures of one shape that are best run together, where `shapes` do not say it. */
  readonly batch: number;
  /** Pixels a side that windows have at least. */
  readonly window: number;
}

/** One loaded model on one engine. One run at a time. */
export interface Backend {
  readonly capabilities: Capabilities;

  /** Of all pictures of a run, that memory has room for; infinity where unknown. */
  mostPixels(): number;

  /**
   * images: count x height x width x 3 bytes; masks: count x height x width, nonzero = hole; gives as images. shape:
   * one that `capabilities` take. Throws LamaError "memory" for what there is no memory for, "engine" for the rest.
   */
  run(shape: Shape, images: Uint8Array, masks: Uint8Array): Promise<Uint8Array>;
}

export function partOf(capabilities: Capabilities, shape: Shape): Shape {
  return partFor(capabilities.shapes, shape);
}
