// One request with progress both ways, which fetch does not tell.
import { megabytes, Problem } from "./engine.js";
/** Raises Problem where no answer comes, an AbortError after the signal. */
export function post(path, { form, token, signal, progress, working }) {
    return new Promise((resolve, reject) => {
        signal.throwIfAborted();
        const request = new XMLHttpRequest();
        const abort = () => request.abort();
        signal.addEventListener("abort", abort, { once: true });
        request.open("POST", new URL(path, document.baseURI));
        request.responseType = "blob";
        if (token !== undefined)
            request.setRequestHeader("Authorization", `Bearer ${token}`);
        request.upload.onprogress = ({ loaded, total }) => {
            if (loaded < total)
                progress(`Sending ${megabytes(total)}`, loaded / total);
        };
        request.upload.onload = () => progress(working);
        request.onprogress = ({ loaded, total }) => {
            if (total > 1e6)
                progress(`Receiving ${megabytes(total)}`, loaded / total);
        };
        request.onload = () => {
            const header = (name) => request.getResponseHeader(name);
            resolve({ status: request.status, body: request.response, header });
        };
        request.onerror = () => reject(new Problem("The server does not answer. Your marks are kept: try again when it is back."));
        request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
        request.onloadend = () => signal.removeEventListener("abort", abort);
        request.send(form);
    });
}
