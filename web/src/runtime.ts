// ONNX Runtime itself, fetched where it is asked for: one build computes in WebAssembly, another one on GPUs too.
import { LamaError, brief } from "./errors.js";
import type { Provider } from "./types.js";

export type Ort = typeof import("onnxruntime-web");

const MOST_THREADS = 4; // by default

export const isNode = typeof process !== "undefined" && Boolean(process.versions?.node);

/** folder: URL of onnxruntime-web's files; undefined: as Node or the bundler finds the package. Throws LamaError. */
export async function loadRuntime(provider: Provider, folder: string | undefined, threads: number): Promise<Ort> {
  try {
    const ort = await (folder === undefined ? installed(provider) : fetched(provider, folder));
    ort.env.logLevel = "error";
    ort.env.wasm.numThreads = threads;
    if (folder !== undefined) ort.env.wasm.wasmPaths = inside(folder, "");
    return ort;
  } catch (error) {
    const where = folder === undefined ? "the package onnxruntime-web" : folder;
    const remedy =
      folder === undefined && !isNode
        ? "without a bundler give `runtime`, the URL of a folder with the files of onnxruntime-web/dist"
        : "the folder must hold the files of onnxruntime-web/dist, of version 1.30";
    throw new LamaError("engine", `ONNX Runtime could not be loaded from ${where} (${brief(error)}); ${remedy}`);
  }
}

/** How many, and what to say of it. asked: undefined for the default. */
export function threadsFor(asked: number | undefined): { threads: number; notes: string[] } {
  const cores = (globalThis.navigator as Navigator | undefined)?.hardwareConcurrency ?? 1;
  const wanted = asked ?? Math.min(cores, MOST_THREADS);
  if (wanted === 1 || isNode || globalThis.crossOriginIsolated) return { threads: wanted, notes: [] };
  const why = "the page is not cross-origin isolated (its server sends no COOP and COEP headers)";
  return { threads: 1, notes: [`one thread computes in place of ${wanted}, since ${why}`] };
}

function installed(provider: Provider): Promise<Ort> {
  if (isNode) return import("onnxruntime-web");
  return provider === "webgpu" ? import("onnxruntime-web/webgpu") : import("onnxruntime-web/wasm");
}

function fetched(provider: Provider, folder: string): Promise<Ort> {
  return import(/* @vite-ignore */ /* webpackIgnore: true */ inside(folder, `ort.${provider}.min.mjs`));
}

function inside(folder: string, file: string): string {
  return (folder.endsWith("/") ? folder : `${folder}/`) + file;
}
