/**
 * What went wrong: "input" (the picture, mask or an option), "model" (the file, or how it was fetched), "engine" (ONNX
 * Runtime, or what it computed), "memory".
 */
export type ErrorKind = "input" | "model" | "engine" | "memory";
/** One line that says what was wrong and what to do next. What was aborted is a DOMException "AbortError" instead. */
export declare class LamaError extends Error {
    readonly kind: ErrorKind;
    readonly name = "LamaError";
    constructor(kind: ErrorKind, message: string);
}
/** Of anything that was thrown, one line. */
export declare function brief(error: unknown): string;
/** A value of a caller's, as it is named in a message. */
export declare function shown(value: unknown): string;
