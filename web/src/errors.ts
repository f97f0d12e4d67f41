/**
 * What went wrong: "input" (the picture, mask or an option), "model" (the file, or how it was fetched), "engine" (ONNX
 * Runtime, or what it computed), "memory".
 */
export type ErrorKind = "input" | "model" | "engine" | "memory";

/** One line that says what was wrong and what to do next. What was aborted is a DOMException "AbortError" instead. */
export class LamaError extends Error {
  override readonly name = "LamaError";

  constructor(
    readonly kind: ErrorKind,
    message: string,
  ) {
    super(message);
  }
}

/** Of anything that was thrown, one line. */
export function brief(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  const line = text.replace(/\s+/g, " ").trim();
  return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}

/** A value of a caller's, as it is named in a message. */
export function shown(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  return typeof value === "object" && value !== null ? value.constructor?.name ?? "an object" : String(value);
}
