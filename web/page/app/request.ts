// One request with progress both ways, which fetch does not tell.

import { megabytes, Problem, type Progress } from "./engine.js";

export interface Answer {
  readonly status: number;
  readonly body: Blob;
  header(name: string): string | null;
}

export interface Sending {
  readonly form: FormData;
  readonly token: string | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
  /** Said while the server has everything and has not answered yet. */
  readonly working: string;
}

/** Raises Problem where no answer comes, an AbortError after the signal. */
export function post(path: string, { form, token, signal, progress, working }: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    const abort = (): void => request.abort();
    signal.addEventListener("abort", abort, { once: true });
    request.open("POST", new URL(path, document.baseURI));
    request.responseType = "blob";
    if (token !== undefined) request.setRequestHeader("Authorization", `Bearer ${token}`);
    request.upload.onprogress = ({ loaded, total }) => {
      if (loaded < total) progress(`Sending ${megabytes(total)}`, loaded / total);
    };
    request.upload.onload = () => progress(working);
    request.onprogress = ({ loaded, total }) => {
      if (total > 1e6) progress(`Receiving ${megabytes(total)}`, loaded / total);
    };
    request.onload = () => {
      const header = (name: string): string | null => request.getResponseHeader(name);
      resolve({ status: request.status, body: request.response as Blob, header });
    };
    request.onerror = () => reject(new Problem("The server does not answer. Your marks are kept: try again when it is back."));
    request.onabort = () => reject(new DOMException("cancelled", "AbortError"));
    request.onloadend = () => signal.removeEventListener("abort", abort);
    request.send(form);
  });
}
