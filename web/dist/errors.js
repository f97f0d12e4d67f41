/** One line that says what was wrong and what to do next. What was aborted is a DOMException "AbortError" instead. */
export class LamaError extends Error {
    kind;
    name = "LamaError";
    constructor(kind, message) {
        super(message);
        this.kind = kind;
    }
}
/** Of anything that was thrown, one line. */
export function brief(error) {
    const text = error instanceof Error ? error.message : String(error);
    const line = text.replace(/\s+/g, " ").trim();
    return line.length > 300 ? `${line.slice(0, 300)}...` : line;
}
/** A value of a caller's, as it is named in a message. */
export function shown(value) {
    if (typeof value === "string")
        return JSON.stringify(value.slice(0, 80));
    return typeof value === "object" && value !== null ? value.constructor?.name ?? "an object" : String(value);
}
