import { type Size } from "../shapes.js";
import type { Region } from "./holes.js";
import { Window } from "./windows.js";
/** The parts that tiles of `size` fill: evenly over the hole's box, without those that have none. */
export declare function coresOf(hole: Region, size: Size): Window[];
/**
 * Of the sizes up to `most` that show as much beside the hole as it is thick, the one that costs the fewest pixels.
 *
 * Lines want small tiles, specks all over a picture large ones, whose borders are a smaller part of them.
 */
export declare function bestSize(hole: Region, most: Size): Size;
