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
export declare function blankPicture([height, width]: Size): Picture;
export declare function blankHole([height, width]: Size): Hole;
export declare function sizeOf(of: {
    readonly height: number;
    readonly width: number;
}): Size;
/** Width before height, as people name sizes. */
export declare function sizeWords([height, width]: Size): string;
/** The three colours of a window, row by row, set into `out` from `start` on. */
export declare function copyColours(picture: Picture, window: Window, out: Uint8Array, start?: number): void;
/** As `copyColours`, of a hole. */
export declare function copyHole(hole: Hole, window: Window, out: Uint8Array, start?: number): void;
export declare function hasHole(hole: Hole): boolean;
