import type { Hole } from "../pictures.js";
import { type Size } from "../shapes.js";
import { Window } from "./windows.js";
/** Pixels a side. */
export declare const CELL = 8;
/** A value for each cell of a picture, row by row. */
export declare class Cells {
    readonly height: number;
    readonly width: number;
    readonly values: Int32Array;
    constructor(height: number, width: number);
    at(y: number, x: number): number;
}
export interface Labels {
    readonly cells: Cells;
    readonly count: number;
}
/** 1 for cells with a hole pixel, else 0. */
export declare function cellsOf(hole: Hole): Cells;
/** Cells that a window touches, as a window of them. */
export declare function cellsUnder(pixels: Window): Window;
/** The pixels that a window of cells covers, in a picture of this size. */
export declare function pixelsUnder(cells: Window, [height, width]: Size): Window;
/**
 * Labels 1, 2, ... for cells above 0 that touch at a side or a corner, in the order of their first cells, from the top
 * row; 0 for the others.
 */
export declare function connected(cells: Cells): Labels;
/**
 * How many king's moves each cell above 0 is from the nearest that is 0. Beyond the picture nothing is known. All above
 * 0: one more than the longer side.
 */
export declare function depths(cells: Cells): Cells;
/** Around each of the labels, in cells; each of them is there. */
export declare function boxesOf({ cells, count }: Labels): Window[];
