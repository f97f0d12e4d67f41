// A model opened in a worker of its own.
import { LamaError } from "./errors.js";
/** model: is moved into the worker. signal: ends the opening, and the worker with it. Throws LamaError. */
export async function openBeside(model, name, options, signal) {
    const beside = new Beside();
    try {
        await beside.open({ is: "open", model, name, options }, signal);
        return beside;
    }
    catch (error) {
        await beside.close();
        throw error;
    }
}
class Beside {
    provider = "wasm";
    notes = [];
    worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
    waiting = new Map();
    runs = 0;
    ended;
    constructor() {
        this.worker.onmessage = ({ data }) => this.told(data);
        this.worker.onerror = (event) => {
            event.preventDefault();
            this.end(new LamaError("engine", `the worker ended (${event.message || "its file cannot be loaded"}); load the model again`));
        };
    }
    async open(asked, signal) {
        const opened = await this.ask(0, asked, [asked.model.buffer], () => undefined, signal);
        if (opened.is === "opened")
            [this.provider, this.notes] = [opened.provider, opened.notes];
    }
    async fill(job, progress, signal) {
        const id = ++this.runs;
        const moved = [job.canvas.data.buffer, job.hole.data.buffer];
        const told = await this.ask(id, { is: "fill", id, job }, moved, progress, signal);
        if (told.is !== "filled")
            throw new LamaError("engine", "the worker said what nobody asked; load the model again");
        return told.filled;
    }
    async close() {
        this.end(new LamaError("engine", "the model was closed; load it again"));
    }
    ask(id, asked, moved, progress, signal) {
        return new Promise((resolve, reject) => {
            if (this.ended)
                throw this.ended;
            const aborted = () => {
                if (this.waiting.delete(id))
                    this.say({ is: "abort", id }), reject(signal.reason);
            };
            signal?.throwIfAborted();
            signal?.addEventListener("abort", aborted, { once: true });
            const forget = () => signal?.removeEventListener("abort", aborted);
            this.waiting.set(id, {
                resolve: (told) => (forget(), resolve(told)),
                reject: (error) => (forget(), reject(error)),
                progress,
            });
            this.say(asked, moved);
        });
    }
    say(asked, moved = []) {
        this.worker.postMessage(asked, moved);
    }
    told(told) {
        const id = told.is === "opened" ? 0 : told.id;
        const waiting = this.waiting.get(id); // none where it was aborted
        if (told.is === "progress")
            return waiting?.progress(told.done, told.all);
        this.waiting.delete(id);
        if (told.is === "failed")
            waiting?.reject(new LamaError(told.kind ?? "engine", told.message));
        else
            waiting?.resolve(told);
    }
    end(error) {
        this.ended ??= error;
        this.worker.terminate();
        for (const { reject } of this.waiting.values())
            reject(error);
        this.waiting.clear();
    }
}
