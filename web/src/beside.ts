// A model opened in a worker of its own.
import { LamaError } from "./errors.js";
import type { Filled, Filler, Job, OpenOptions } from "./filler.js";
import type { Asked, Told } from "./messages.js";
import type { Provider } from "./types.js";

interface Waiting {
  readonly resolve: (told: Told) => void;
  readonly reject: (error: unknown) => void;
  readonly progress: (done: number, all: number) => void;
}

/** model: is moved into the worker. signal: ends the opening, and the worker with it. Throws LamaError. */
export async function openBeside(
  model: Uint8Array,
  name: string,
  options: OpenOptions,
  signal: AbortSignal | undefined,
): Promise<Filler> {
  const beside = new Beside();
  try {
    await beside.open({ is: "open", model, name, options }, signal);
    return beside;
  } catch (error) {
    await beside.close();
    throw error;
  }
}

class Beside implements Filler {
  provider: Provider = "wasm";
  notes: readonly string[] = [];
  private readonly worker = new Worker(new URL("./worker.js", import.meta.url), { type: "module" });
  private readonly waiting = new Map<number, Waiting>();
  private runs = 0;
  private ended: LamaError | undefined;

  constructor() {
    this.worker.onmessage = ({ data }: MessageEvent<Told>) => this.told(data);
    this.worker.onerror = (event) => {
      event.preventDefault();
      this.end(new LamaError("engine", `the worker ended (${event.message || "its file cannot be loaded"}); load the model again`));
    };
  }

  async open(asked: Extract<Asked, { is: "open" }>, signal: AbortSignal | undefined): Promise<void> {
    const opened = await this.ask(0, asked, [asked.model.buffer as ArrayBuffer], () => undefined, signal);
    if (opened.is === "opened") [this.provider, this.notes] = [opened.provider, opened.notes];
  }

  async fill(job: Job, progress: (done: number, all: number) => void, signal?: AbortSignal): Promise<Filled> {
    const id = ++this.runs;
    const moved = [job.canvas.data.buffer, job.hole.data.buffer] as ArrayBuffer[];
    const told = await this.ask(id, { is: "fill", id, job }, moved, progress, signal);
    if (told.is !== "filled") throw new LamaError("engine", "the worker said what nobody asked; load the model again");
    return told.filled;
  }

  async close(): Promise<void> {
    this.end(new LamaError("engine", "the model was closed; load it again"));
  }

  private ask(id: number, asked: Asked, moved: Transferable[], progress: Waiting["progress"], signal?: AbortSignal) {
    return new Promise<Told>((resolve, reject) => {
      if (this.ended) throw this.ended;
      const aborted = () => {
        if (this.waiting.delete(id)) this.say({ is: "abort", id }), reject(signal!.reason);
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

  private say(asked: Asked, moved: Transferable[] = []): void {
    this.worker.postMessage(asked, moved);
  }

  private told(told: Told): void {
    const id = told.is === "opened" ? 0 : told.id;
    const waiting = this.waiting.get(id); // none where it was aborted
    if (told.is === "progress") return waiting?.progress(told.done, told.all);
    this.waiting.delete(id);
    if (told.is === "failed") waiting?.reject(new LamaError(told.kind ?? "engine", told.message));
    else waiting?.resolve(told);
  }

  private end(error: LamaError): void {
    this.ended ??= error;
    this.worker.terminate();
    for (const { reject } of this.waiting.values()) reject(error);
    this.waiting.clear();
  }
}
