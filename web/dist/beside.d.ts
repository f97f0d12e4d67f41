import type { Filler, OpenOptions } from "./filler.js";
/** model: is moved into the worker. signal: ends the opening, and the worker with it. Throws LamaError. */
export declare function openBeside(model: Uint8Array, name: string, options: OpenOptions, signal: AbortSignal | undefined): Promise<Filler>;
