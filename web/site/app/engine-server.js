// The engine behind this page's own server (lama-serve).
import { megabytes, megapixels, Problem, resultName } from "./engine.js";
import { formatOf } from "./metadata.js";
import { post } from "./request.js";
const MOST_TRIES = 8;
const LONGEST_WAIT = 60; // seconds
export class ServerEngine {
    config;
    tokens;
    privacy = "Photos go to this page's own server and nowhere else.";
    models;
    constructor(config, tokens) {
        this.config = config;
        this.tokens = tokens;
        const models = [...config.models].sort((one, other) => Number(other.default ?? false) - Number(one.default ?? false));
        this.models = models.map((model) => model.name);
    }
    warm() { }
    check(file, size) {
        const { max_bytes: bytes, max_pixels: pixels } = this.config;
        if (size.width * size.height > pixels) {
            throw new Problem(`The photo has ${megapixels(size)}; this server takes ${(pixels / 1e6).toFixed(1)}. Choose a smaller one.`);
        }
        if (file.size > bytes) {
            throw new Problem(`The photo has ${megabytes(file.size)}; this server takes ${megabytes(bytes)}. Choose a smaller one.`);
        }
    }
    async readable(file, signal) {
        const form = formOf({ format: "png" }, { image: [file, file.name] });
        return (await this.#send("v1/convert", { form, signal, progress: () => { }, working: "" })).body;
    }
    async fill({ picture, name, mask, model, signal, progress }) {
        progress("Preparing the mask");
        const drawn = await mask.png();
        if (picture.size + drawn.size > this.config.max_bytes) {
            throw new Problem(`Photo and mask have ${megabytes(picture.size + drawn.size)}, for what is filled already is kept without loss; ` +
                `this server takes ${megabytes(this.config.max_bytes)}. Download the result, and go on with that.`);
        }
        const fields = { format: "png", mask_as: "shown", ...(model === undefined ? {} : { model }) };
        const form = formOf(fields, { image: [picture, name], mask: [drawn, "mask.png"] });
        const answer = await this.#send("v1/inpaint", { form, signal, progress, working: "Filling" });
        return { picture: answer.body, plan: answer.header("X-Lama-Plan") ?? "", notes: notesOf(answer) };
    }
    async save(picture, original, signal, progress) {
        const format = formatOf(new Uint8Array(await original.slice(0, 16).arrayBuffer()));
        const form = formOf({ format }, { image: [picture, "picture.png"], original: [original, original.name] });
        const answer = await this.#send("v1/convert", { form, signal, progress, working: "Writing the file" });
        return { file: answer.body, name: resultName(original, format), notes: notesOf(answer) };
    }
    /** Asks for a token where the server does, and waits where it is busy. */
    async #send(path, sending) {
        for (let tries = 1;; tries++) {
            const token = this.tokens.get();
            const answer = await post(path, { ...sending, token });
            if (answer.status < 300)
                return answer;
            const wait = Number(answer.header("Retry-After") ?? NaN);
            if (answer.status === 401) {
                if ((await this.tokens.ask(token !== undefined)) === undefined)
                    throw new Problem("The server asks for its token. Your marks are kept.");
            }
            else if ([429, 503].includes(answer.status) && wait <= LONGEST_WAIT && tries < MOST_TRIES) {
                await this.#wait(Math.max(1, Math.ceil(wait)), sending);
            }
            else {
                throw new Problem(await lineOf(answer));
            }
        }
    }
    async #wait(seconds, { signal, progress }) {
        for (let left = seconds; left > 0; left--) {
            progress(`The server is busy: trying again in ${left} s`);
            await pause(1000, signal);
        }
    }
}
function formOf(fields, files) {
    const form = new FormData();
    for (const [name, value] of Object.entries(fields))
        form.append(name, value);
    for (const [name, [file, called]] of Object.entries(files))
        form.append(name, file, called);
    return form;
}
function notesOf(answer) {
    return JSON.parse(answer.header("X-Lama-Notes") ?? "[]");
}
/** The server's own line where it is one. */
async function lineOf(answer) {
    let told = `it answers ${answer.status}`;
    try {
        const { error } = JSON.parse(await answer.body.text());
        if (typeof error === "string")
            told = error;
    }
    catch {
        // something in between answered, which does not speak JSON
    }
    const advice = {
        413: "Choose a smaller photo.",
        429: "It is still busy: try again in a minute.",
        503: "Try again in a minute.",
        504: "It took too long: mark less at once, or try again.",
    };
    return `The server refused: ${told.replace(/\.$/, "")}. ${advice[answer.status] ?? "Your marks are kept."}`;
}
function pause(milliseconds, signal) {
    return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const timer = setTimeout(resolve, milliseconds);
        signal.addEventListener("abort", () => {
            clearTimeout(timer);
            reject(new DOMException("cancelled", "AbortError"));
        }, { once: true });
    });
}
