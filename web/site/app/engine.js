// What fills holes: a server, or the browser itself. The page knows this and no more of either.
/** Told to the person as it is: one line of what is wrong, and what can be done. */
export class Problem extends Error {
}
export function resultName(original, format) {
    return `${original.name.replace(/\.[^.]*$/, "") || "photo"}-filled.${format}`;
}
export function megabytes(bytes) {
    return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}
export function megapixels({ width, height }) {
    return `${((width * height) / 1e6).toFixed(1)} megapixels`;
}
export function isAbort(error) {
    return error instanceof DOMException && error.name === "AbortError";
}
