export { LamaError, type ErrorKind } from "./errors.js";
export { Inpainter } from "./inpainter.js";
export type { Strategy } from "./strategies/options.js";
export type { LoadOptions, Mask, Pixels, Provider, Result, RunOptions } from "./types.js";
