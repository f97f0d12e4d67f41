// Models as Node has them.
import { LamaError, brief } from "./errors.js";

/** path: or a file: URL. Throws LamaError "model". */
export async function readModel(path: string): Promise<Uint8Array> {
  const { readFile } = await import(/* @vite-ignore */ /* webpackIgnore: true */ "node:fs/promises");
  try {
    const file = await readFile(path.startsWith("file:") ? new URL(path) : path);
    return new Uint8Array(file.buffer as ArrayBuffer, file.byteOffset, file.length);
  } catch (error) {
    throw new LamaError("model", `${path}: cannot be read (${brief(error)})`);
  }
}
