// The engine behind this page's own server (lama-serve).

import { type Engine, type Filled, megabytes, megapixels, type Order, Problem, type Progress, resultName, type Saved } from "./engine.js";
import type { Size } from "./geometry.js";
import { formatOf } from "./metadata.js";
import { type Answer, post, type Sending } from "./request.js";

/** What config.json holds. */
export interface ServerConfig {
  readonly engine: "server";
  readonly models: readonly { name: string; default?: boolean }[];
  readonly token: boolean;
  readonly max_bytes: number;
  readonly max_pixels: number;
}

/** Where a token is kept until the tab is closed; ask: asks the person for one, undefined where none is given. */
export interface Tokens {
  get(): string | undefined;
  ask(refused: boolean): Promise<string | undefined>;
}

const MOST_TRIES = 8;
const LONGEST_WAIT = 60; // seconds

export class ServerEngine implements Engine {
  readonly privacy = "Photos go to this page's own server and nowhere else.";
  readonly models: readonly string[];

  constructor(
    private readonly config: ServerConfig,
    private readonly tokens: Tokens,
  ) {
    const models = [...config.models].sort((one, other) => Number(other.default ?? false) - Number(one.default ?? false));
    this.models = models.map((model) => model.name);
  }

  warm(): void {}

  check(file: Blob, size: Size): void {
    const { max_bytes: bytes, max_pixels: pixels } = this.config;
    if (size.width * size.height > pixels) {
      throw new Problem(`The photo has ${megapixels(size)}; this server takes ${(pixels / 1e6).toFixed(1)}. Choose a smaller one.`);
    }
    if (file.size > bytes) {
      throw new Problem(`The photo has ${megabytes(file.size)}; this server takes ${megabytes(bytes)}. Choose a smaller one.`);
    }
  }

  async readable(file: File, signal: AbortSignal): Promise<Blob> {
    const form = formOf({ format: "png" }, { image: [file, file.name] });
    return (await this.#send("v1/convert", { form, signal, progress: () => {}, working: "" })).body;
  }

  async fill({ picture, name, mask, model, signal, progress }: Order): Promise<Filled> {
    progress("Preparing the mask");
    const drawn = await mask.png();
    if (picture.size + drawn.size > this.config.max_bytes) {
      throw new Problem(
        `Photo and mask have ${megabytes(picture.size + drawn.size)}, for what is filled already is kept without loss; ` +
          `this server takes ${megabytes(this.config.max_bytes)}. Download the result, and go on with that.`,
      );
    }
    const fields = { format: "png", mask_as: "shown", ...(model === undefined ? {} : { model }) };
    const form = formOf(fields, { image: [picture, name], mask: [drawn, "mask.png"] });
    const answer = await this.#send("v1/inpaint", { form, signal, progress, working: "Filling" });
    return { picture: answer.body, plan: answer.header("X-Lama-Plan") ?? "", notes: notesOf(answer) };
  }

  async save(picture: Blob, original: File, signal: AbortSignal, progress: Progress): Promise<Saved> {
    const format = formatOf(new Uint8Array(await original.slice(0, 16).arrayBuffer()));
    const form = formOf({ format }, { image: [picture, "picture.png"], original: [original, original.name] });
    const answer = await this.#send("v1/convert", { form, signal, progress, working: "Writing the file" });
    return { file: answer.body, name: resultName(original, format), notes: notesOf(answer) };
  }

  /** Asks for a token where the server does, and waits where it is busy. */
  async #send(path: string, sending: Omit<Sending, "token">): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      const token = this.tokens.get();
      const answer = await post(path, { ...sending, token });
      if (answer.status < 300) return answer;
      const wait = Number(answer.header("Retry-After") ?? NaN);
      if (answer.status === 401) {
        if ((await this.tokens.ask(token !== undefined)) === undefined) throw new Problem("The server asks for its token. Your marks are kept.");
      } else if ([429, 503].includes(answer.status) && wait <= LONGEST_WAIT && tries < MOST_TRIES) {
        await this.#wait(Math.max(1, Math.ceil(wait)), sending);
      } else {
        throw new Problem(await lineOf(answer));
      }
    }
  }

  async #wait(seconds: number, { signal, progress }: Omit<Sending, "token">): Promise<void> {
    for (let left = seconds; left > 0; left--) {
      progress(`The server is busy: trying again in ${left} s`);
      await pause(1000, signal);
    }
  }
}

function formOf(fields: Readonly<Record<string, string>>, files: Readonly<Record<string, [Blob, string]>>): FormData {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) form.append(name, value);
  for (const [name, [file, called]] of Object.entries(files)) form.append(name, file, called);
  return form;
}

function notesOf(answer: Answer): string[] {
  return JSON.parse(answer.header("X-Lama-Notes") ?? "[]") as string[];
}

/** The server's own line where it is one. */
async function lineOf(answer: Answer): Promise<string> {
  let told = `it answers ${answer.status}`;
  try {
    const { error } = JSON.parse(await answer.body.text()) as { error?: unknown };
    if (typeof error === "string") told = error;
  } catch {
    // something in between answered, which does not speak JSON
  }
  const advice: Readonly<Record<number, string>> = {
    413: "Choose a smaller photo.",
    429: "It is still busy: try again in a minute.",
    503: "Try again in a minute.",
    504: "It took too long: mark less at once, or try again.",
  };
  return `The server refused: ${told.replace(/\.$/, "")}. ${advice[answer.status] ?? "Your marks are kept."}`;
}

function pause(milliseconds: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const timer = setTimeout(resolve, milliseconds);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(new DOMException("cancelled", "AbortError"));
    }, { once: true });
  });
}
