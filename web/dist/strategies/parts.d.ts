import { type Shape } from "../shapes.js";
export type Run = (shape: Shape, images: Uint8Array, masks: Uint8Array) => Promise<Uint8Array>;
/** Throws LamaError "input" for pictures larger than the part, which a strategy gives in windows. */
export declare function runInParts(run: Run, shape: Shape, images: Uint8Array, masks: Uint8Array, part: Shape): Promise<Uint8Array>;
