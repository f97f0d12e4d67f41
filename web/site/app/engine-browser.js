// The engine inside this browser: the npm package of web/, loaded as config.json names it.
import { megabytes, megapixels, Problem, resultName } from "./engine.js";
import { chunksFrom, formatOf, jpegWith } from "./metadata.js";
import { hasTransparency, pixelsOf, pngOf } from "./pixels.js";
import { isPng } from "./png.js";
const MOST_PIXELS = 50_000_000;
const JPEG_QUALITY = 0.95;
const SHALLOW = "8 of the picture's 16 bits a sample are kept: browsers hand out no more";
const SEEN_THROUGH = "colours of see-through pixels may change a little: browsers do not hand them out exactly";
export class BrowserEngine {
    config;
    privacy = "Photos stay in this browser: nothing is sent anywhere.";
    models;
    #loading;
    #loaded = 0;
    #told = () => { };
    constructor(config) {
        this.config = config;
        this.models = [config.model.name];
    }
    warm() {
        this.#inpainter().catch(() => { }); // told when it is needed
    }
    check(_, size) {
        if (size.width * size.height <= MOST_PIXELS)
            return;
        throw new Problem(`The photo has ${megapixels(size)}; in a browser ${MOST_PIXELS / 1e6} are the most. Choose a smaller one.`);
    }
    async readable(file) {
        throw new Problem(`This browser cannot read ${file.name}. Choose a JPEG, PNG or WebP file.`);
    }
    async fill({ picture, mask, signal, progress }) {
        const inpainter = await this.#awaited(signal, progress);
        progress("Reading the photo");
        const [pixels, bytes] = [await pixelsOf(picture), new Uint8Array(await picture.arrayBuffer())];
        signal.throwIfAborted();
        progress("Filling");
        const done = await inpainter.run({ ...pixels, channels: 4 }, { data: mask.bytes(), width: mask.width, height: mask.height }, {
            signal,
            progress: (windows, all) => progress("Filling", all > 1 ? windows / all : undefined),
        });
        progress("Keeping the result");
        const filled = { data: new Uint8Array(done.pixels.data), width: pixels.width, height: pixels.height };
        const notes = [...done.notes];
        if (isPng(bytes) && bytes[24] === 16)
            notes.push(SHALLOW);
        if (hasTransparency(pixels))
            notes.push(SEEN_THROUGH);
        return { picture: await pngOf(filled, await chunksFrom(bytes)), plan: done.plan, notes };
    }
    async save(picture, original) {
        const bytes = new Uint8Array(await original.arrayBuffer());
        const format = formatOf(bytes);
        if (format === "png")
            return { file: picture, name: resultName(original, format), notes: [] };
        const jpeg = format === "jpg" ? await jpegOf(picture) : undefined;
        if (jpeg) {
            const notes = ["JPEG recompresses the rest of the photo too; EXIF data and colour profile are kept, the photo is stored upright"];
            return { file: jpegWith(jpeg, bytes), name: resultName(original, format), notes };
        }
        const notes = [`the file is a PNG, since this browser cannot write ${format === "jpg" ? "a JPEG of that size" : format}`];
        return { file: picture, name: resultName(original, "png"), notes };
    }
    #inpainter() {
        return (this.#loading ??= this.#load().catch((error) => {
            this.#loading = undefined;
            throw new Problem(`The model cannot be loaded (${lineOf(error)}). Your marks are kept: try again.`);
        }));
    }
    async #load() {
        const at = (path) => new URL(path, document.baseURI).href;
        const { Inpainter } = (await import(at(this.config.package)));
        const { file, sha256, bytes: all } = this.config.model;
        const progress = (bytes) => {
            this.#loaded = bytes;
            this.#told(`Loading the model: ${megabytes(bytes)} of ${megabytes(all)}`, bytes / all);
        };
        return Inpainter.load(at(file), { runtime: at(this.config.runtime), expectedSha256: sha256, progress });
    }
    /** The load goes on where the wait for it is given up. */
    async #awaited(signal, progress) {
        this.#told = progress;
        progress("Loading the model", this.#loaded / this.config.model.bytes);
        const given = new Promise((_, reject) => {
            signal.addEventListener("abort", () => reject(new DOMException("cancelled", "AbortError")), { once: true });
        });
        return Promise.race([this.#inpainter(), given]).finally(() => (this.#told = () => { }));
    }
}
/** With the values as they are. Nothing where the browser has no canvas of that size. */
async function jpegOf(picture) {
    const bitmap = await createImageBitmap(picture, { colorSpaceConversion: "none" });
    const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
    const context = canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 0);
    bitmap.close();
    if (context?.getImageData(canvas.width - 1, canvas.height - 1, 1, 1).data[3] !== 255)
        return undefined; // blank: too large
    const file = await canvas.convertToBlob({ type: "image/jpeg", quality: JPEG_QUALITY });
    return new Uint8Array(await file.arrayBuffer());
}
function lineOf(error) {
    return (error instanceof Error ? error.message : String(error)).split("\n")[0];
}
