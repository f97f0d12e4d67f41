import type { Provider } from "./types.js";
export type Ort = typeof import("onnxruntime-web");
export declare const isNode: boolean;
/** folder: URL of onnxruntime-web's files; undefined: as Node or the bundler finds the package. Throws LamaError. */
export declare function loadRuntime(provider: Provider, folder: string | undefined, threads: number): Promise<Ort>;
/** How many, and what to say of it. asked: undefined for the default. */
export declare function threadsFor(asked: number | undefined): {
    threads: number;
    notes: string[];
};
