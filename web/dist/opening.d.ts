import type { Filler, OpenOptions } from "./filler.js";
/** name: for messages. Throws LamaError. */
export declare function openHere(model: Uint8Array, name: string, options: OpenOptions): Promise<Filler>;
