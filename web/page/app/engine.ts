// What fills holes: a server, or the browser itself. The page knows this and no more of either.

import type { Size } from "./geometry.js";
import type { Mask } from "./mask.js";

/** Told to the person as it is: one line of what is wrong, and what can be done. */
export class Problem extends Error {}

/** share: from 0 to 1, where it is known. */
export type Progress = (line: string, share?: number) => void;

export interface Order {
  readonly picture: Blob;
  readonly name: string;
  /** Of the picture as it is shown. */
  readonly mask: Mask;
  readonly model: string | undefined;
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

/** picture: the next input, without loss. plan: how it was filled. notes: what was changed, doubted or left out. */
export interface Filled {
  readonly picture: Blob;
  readonly plan: string;
  readonly notes: readonly string[];
}

export interface Saved {
  readonly file: Blob;
  readonly name: string;
  readonly notes: readonly string[];
}

export interface Engine {
  /** Names to choose from, the usual one first. */
  readonly models: readonly string[];
  /** Where photos go: one line for the person. */
  readonly privacy: string;
  /** A picture is there to be filled; what takes long to come may begin to. */
  warm(): void;
  /** Raises Problem for a picture that is too large, before anything is painted. */
  check(file: Blob, size: Size): void;
  /** The picture in a format that the browser shows, of a file that it does not. Raises Problem. */
  readable(file: File, signal: AbortSignal): Promise<Blob>;
  /** Raises Problem, or an AbortError. */
  fill(order: Order): Promise<Filled>;
  /** The result in the original's format. Raises Problem, or an AbortError. */
  save(picture: Blob, original: File, signal: AbortSignal, progress: Progress): Promise<Saved>;
}

export function resultName(original: File, format: string): string {
  return `${original.name.replace(/\.[^.]*$/, "") || "photo"}-filled.${format}`;
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(bytes < 1e7 ? 1 : 0)} MB`;
}

export function megapixels({ width, height }: Size): string {
  return `${((width * height) / 1e6).toFixed(1)} megapixels`;
}

export function isAbort(error: unknown): boolean {
  return error instanceof DOMException && error.name === "AbortError";
}
