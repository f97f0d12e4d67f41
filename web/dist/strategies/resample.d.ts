import { type Hole, type Picture } from "../pictures.js";
import { type Size } from "../shapes.js";
import type { Window } from "./windows.js";
/**
 * A window of the picture and of its hole, made `size`; its hole is 1 or 0. A small pixel is the mean of the known
 * pixels that it covers: what a hole hides never colours what is beside it. Of the same size: as they are.
 */
export declare function shrunk(image: Picture, hole: Hole, window: Window, size: Size): {
    image: Picture;
    hole: Hole;
};
/** Of a size at least as large. */
export declare function enlarged(small: Picture, size: Size): Picture;
