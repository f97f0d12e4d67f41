// The model's bytes: downloaded with progress, checked, and stored so that later visits need no network.
import { LamaError, brief } from "./errors.js";
import type { LoadOptions } from "./types.js";

const STORE = "lama-deploy-models"; // of the Cache API, which browsers have on https and localhost alone

export interface Model {
  readonly bytes: Uint8Array;
  readonly notes: readonly string[];
}

/** Throws LamaError "model", and the signal's reason. */
export async function download(url: string, options: LoadOptions): Promise<Model> {
  const store = await globalThis.caches?.open(STORE).catch(() => undefined);
  if (options.expectedSha256) {
    const known = await stored(store, url);
    if (known && (await sha256(known)) === options.expectedSha256.toLowerCase()) return kept(known, options);
  }
  let bytes: Uint8Array;
  try {
    bytes = await fetched(url, options);
  } catch (error) {
    options.signal?.throwIfAborted();
    if (error instanceof LamaError) throw error;
    const known = options.expectedSha256 ? undefined : await stored(store, url);
    if (known) return kept(known, options, "the server cannot be reached, so the model of an earlier visit is used");
    throw new LamaError("model", `${url}: cannot be fetched (${brief(error)}); is the server there?`);
  }
  const notes = await checked(bytes, url, options.expectedSha256);
  return { bytes, notes: [...notes, ...(await keep(store, url, bytes))] };
}

/** What to say where it cannot be checked. Throws LamaError "model" for another file. */
export async function checked(bytes: Uint8Array, name: string, expected: string | undefined): Promise<string[]> {
  if (!expected) return [];
  const found = await sha256(bytes);
  if (found === undefined)
    return ["the model's SHA-256 is not checked: browsers compute it on https and localhost alone"];
  if (found === expected.toLowerCase()) return [];
  throw new LamaError("model", `${name}: is not the model that was asked for (its SHA-256 is ${found}); fetch it again`);
}

function kept(bytes: Uint8Array, { progress }: LoadOptions, ...notes: string[]): Model {
  progress?.(bytes.length, bytes.length);
  return { bytes, notes };
}

async function fetched(url: string, { progress, signal }: LoadOptions): Promise<Uint8Array> {
  const response = await fetch(url, signal ? { signal } : {});
  if (!response.ok) throw new LamaError("model", `${url}: the server answers ${response.status}; is the address right?`);
  const { headers, body } = response;
  // What is compressed on its way has another length than what arrives.
  const length = Number(headers.get("content-encoding") ? 0 : headers.get("content-length")) || undefined;
  const whole = await gathered(body!.getReader(), length, (bytes) => progress?.(bytes, length));
  if (length === undefined || whole.length === length) return whole;
  throw new LamaError("model", `${url}: ended after ${whole.length} of ${length} bytes; try again`);
}

async function gathered(
  reader: ReadableStreamDefaultReader<Uint8Array>,
  length: number | undefined,
  progress: (bytes: number) => void,
): Promise<Uint8Array> {
  let whole = new Uint8Array(length ?? 2 ** 24);
  let size = 0;
  for (let next = await reader.read(); !next.done; next = await reader.read()) {
    if (size + next.value.length > whole.length) whole = grown(whole, size + next.value.length);
    whole.set(next.value, size);
    progress((size += next.value.length));
  }
  return size === whole.length ? whole : whole.slice(0, size);
}

function grown(bytes: Uint8Array, least: number): Uint8Array<ArrayBuffer> {
  const larger = new Uint8Array(Math.max(least, 2 * bytes.length));
  larger.set(bytes);
  return larger;
}

async function stored(store: Cache | undefined, url: string): Promise<Uint8Array | undefined> {
  const response = await store?.match(url).catch(() => undefined);
  return response && new Uint8Array(await response.arrayBuffer());
}

async function keep(store: Cache | undefined, url: string, bytes: Uint8Array): Promise<string[]> {
  try {
    await store?.put(url, new Response(bytes as BodyInit));
    return [];
  } catch (error) {
    return [`the model is not stored for later visits (${brief(error)})`];
  }
}

/** In hexadecimal; undefined where the browser does not compute it. */
async function sha256(bytes: Uint8Array): Promise<string | undefined> {
  const digest = await globalThis.crypto?.subtle?.digest("SHA-256", bytes as BufferSource);
  return digest && Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
