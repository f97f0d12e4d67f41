// The public face: load a model, call it with an image and a mask.
import { openBeside } from "./beside.js";
import { checkLoad, checkPictures, strategyOf } from "./checks.js";
import { checked, download } from "./download.js";
import { LamaError, shown } from "./errors.js";
import { readModel } from "./node_files.js";
import { openHere } from "./opening.js";
import { isNode } from "./runtime.js";
/** Fills the hole of an image. Known pixels come back byte for byte. */
export class Inpainter {
    filler;
    notes;
    isFirst = true;
    constructor(filler, 
    /** What is not as one might expect of how the model was loaded, a line each; also in the first result's notes. */
    notes) {
        this.filler = filler;
        this.notes = notes;
    }
    /**
     * Opens a model that `lama-export --to onnx` wrote: by its URL (in Node also its path), or its bytes, which stay the
     * caller's. In browsers it computes in a worker of its own, in Node right here.
     *
     * Throws LamaError, and the reason of `options.signal`.
     */
    static async load(model, options = {}) {
        checkLoad(options);
        options.signal?.throwIfAborted();
        const name = typeof model === "string" || model instanceof URL ? String(model) : "the model";
        const { bytes, notes } = await bytesOf(model, name, options);
        const { provider, threads, signal } = options;
        const asked = {
            ...(provider && { provider }),
            ...(threads && { threads }),
            ...(options.runtime !== undefined && { runtime: absolute(options.runtime) }),
        };
        const filler = await (isNode ? openHere(bytes, name, asked) : openBeside(bytes, name, asked, signal));
        if (!signal?.aborted)
            return new Inpainter(filler, [...notes, ...filler.notes]);
        await filler.close();
        throw signal.reason;
    }
    /** Where it computes. */
    get provider() {
        return this.filler.provider;
    }
    /**
     * Fills the hole; what was given stays as it is. Calls wait for each other. An empty mask gives the image unchanged.
     *
     * Throws LamaError, and the reason of `options.signal`.
     */
    async run(image, mask, options = {}) {
        checkPictures(image, mask);
        const { width, height, channels } = image;
        const job = {
            canvas: { data: Uint8Array.from(image.data), width, height, channels }, // the one copy, which is the result
            hole: { data: Uint8Array.from(mask.data), width, height },
            options: strategyOf(options),
        };
        options.signal?.throwIfAborted();
        const { data, plan, notes } = await this.filler.fill(job, options.progress ?? (() => undefined), options.signal);
        const told = this.isFirst ? [...this.notes, ...notes] : notes;
        this.isFirst = false;
        const clamped = image.data instanceof Uint8ClampedArray;
        return {
            pixels: { data: clamped ? new Uint8ClampedArray(data.buffer) : data, width, height, channels },
            plan,
            notes: told,
        };
    }
    /** Gives back what it holds; runs that are waiting fail. */
    async dispose() {
        await this.filler.close();
    }
}
async function bytesOf(model, name, options) {
    if (model instanceof ArrayBuffer || model instanceof Uint8Array) {
        const given = new Uint8Array(model instanceof ArrayBuffer ? model : model);
        const bytes = isNode ? given : given.slice(); // is moved into the worker
        return { bytes, notes: await checked(bytes, name, options.expectedSha256) };
    }
    if (typeof model !== "string" && !(model instanceof URL))
        throw new LamaError("input", `the model is ${shown(model)}; allowed: a URL, an ArrayBuffer or a Uint8Array`);
    if (!isNode)
        return download(absolute(name), options);
    if (/^https?:/.test(name))
        return download(name, options);
    const bytes = await readModel(name);
    return { bytes, notes: await checked(bytes, name, options.expectedSha256) };
}
/** Of what is meant relative to the page. */
function absolute(url) {
    return isNode ? url : new URL(url, document.baseURI).href;
}
