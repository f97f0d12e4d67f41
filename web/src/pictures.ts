// Pixels as strategies hold them: rows from the top, without padding.
import type { Size } from "./shapes.js";
import type { Window } from "./strategies/windows.js";

/** Of 3 channels, or 4 of which the last one is left alone. */
export interface Picture {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
  readonly channels: 3 | 4;
}

/** Nonzero is hole. */
export interface Hole {
  readonly data: Uint8Array;
  readonly height: number;
  readonly width: number;
}

export function blankPicture([height, width]: Size): Picture {
  return { data: new Uint8Array(3 * height * width), height, width, channels: 3 };
}

export function blankHole([height, width]: Size): Hole {
  return { data: new Uint8Array(height * width), height, width };
}

export function sizeOf(of: { readonly height: number; readonly width: number }): Size {
  return [of.height, of.width];
}

/** Width before height, as people name sizes. */
export function sizeWords([height, width]: Size): string {
  return `${width}x${height}`;
}

/** The three colours of a window, row by row, set into `out` from `start` on. */
export function copyColours(picture: Picture, window: Window, out: Uint8Array, start = 0): void {
  const { data, channels } = picture;
  let to = start;
  for (let y = window.top; y < window.bottom; ++y) {
    let from = (y * picture.width + window.left) * channels;
    const end = from + window.width * channels;
    if (channels === 3) {
      out.set(data.subarray(from, end), to);
      to += end - from;
      continue;
    }
    for (; from < end; from += 4) {
      out[to++] = data[from]!;
      out[to++] = data[from + 1]!;
      out[to++] = data[from + 2]!;
    }
  }
}

/** As `copyColours`, of a hole. */
export function copyHole(hole: Hole, window: Window, out: Uint8Array, start = 0): void {
  for (let y = window.top, to = start; y < window.bottom; ++y, to += window.width) {
    const from = y * hole.width + window.left;
    out.set(hole.data.subarray(from, from + window.width), to);
  }
}

export function hasHole(hole: Hole): boolean {
  const { data } = hole;
  for (let i = 0; i < data.length; ++i) if (data[i]) return true;
  return false;
}
