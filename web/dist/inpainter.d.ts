import type { LoadOptions, Mask, Pixels, Provider, Result, RunOptions } from "./types.js";
/** Fills the hole of an image. Known pixels come back byte for byte. */
export declare class Inpainter {
    private readonly filler;
    /** What is not as one might expect of how the model was loaded, a line each; also in the first result's notes. */
    readonly notes: readonly string[];
    private isFirst;
    private constructor();
    /**
     * Opens a model that `lama-export --to onnx` wrote: by its URL (in Node also its path), or its bytes, which stay the
     * caller's. In browsers it computes in a worker of its own, in Node right here.
     *
     * Throws LamaError, and the reason of `options.signal`.
     */
    static load(model: string | URL | ArrayBuffer | Uint8Array, options?: LoadOptions): Promise<Inpainter>;
    /** Where it computes. */
    get provider(): Provider;
    /**
     * Fills the hole; what was given stays as it is. Calls wait for each other. An empty mask gives the image unchanged.
     *
     * Throws LamaError, and the reason of `options.signal`.
     */
    run(image: Pixels, mask: Mask, options?: RunOptions): Promise<Result>;
    /** Gives back what it holds; runs that are waiting fail. */
    dispose(): Promise<void>;
}
