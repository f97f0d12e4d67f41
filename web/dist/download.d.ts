import type { LoadOptions } from "./types.js";
export interface Model {
    readonly bytes: Uint8Array;
    readonly notes: readonly string[];
}
/** Throws LamaError "model", and the signal's reason. */
export declare function download(url: string, options: LoadOptions): Promise<Model>;
/** What to say where it cannot be checked. Throws LamaError "model" for another file. */
export declare function checked(bytes: Uint8Array, name: string, expected: string | undefined): Promise<string[]>;
