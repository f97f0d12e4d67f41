import { type Hole } from "../pictures.js";
import { Cells } from "./cells.js";
import type { Window } from "./windows.js";
/** Holes whose windows overlap, or one alone: `Hole` of holes.py. */
export interface Region {
    /** Around its cells. */
    readonly box: Window;
    /** With context, inside the picture. */
    readonly window: Window;
    /** Pixels across where it is thickest. */
    readonly thickness: number;
    /** Pixels of context that it wants at least. */
    readonly margin: number;
    /** `index` where a cell's hole is this one's; all of the window's other holes are somebody else's. */
    readonly owners: Cells;
    readonly index: number;
}
/** Whether a hole of this window and thickness is to be filled at a lower resolution. */
export type IsLarge = (window: Window, thickness: number) => boolean;
/**
 * margin: pixels of context at least. From the top to the bottom, those first that `isLarge` tells, which smaller ones
 * beside them need not join.
 */
export declare function findHoles(hole: Hole, margin: number, isLarge?: IsLarge): Region[];
