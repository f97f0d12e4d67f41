import type { Picture } from "../pictures.js";
/** Small pixels a side, that are compared. */
export declare const PATCH = 5;
export type Corner = readonly [top: number, left: number];
/**
 * For each target the index of the known patch with the smallest sum of squared differences, the first of equals. Both
 * are corners of patches that lie inside; known: at least one.
 */
export declare function nearestPatches(small: Picture, targets: readonly Corner[], known: readonly Corner[]): number[];
