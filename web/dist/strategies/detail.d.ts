import { type Hole, type Picture } from "../pictures.js";
import { Window } from "./windows.js";
/**
 * enlarged: of a window of the image, made from `small`; gets detail in the hole, the rest of it stays. image and hole:
 * of the picture, of which the detail is where no hole is. smallHole: of the size of `small`.
 */
export declare function addDetail(enlarged: Picture, image: Picture, hole: Hole, window: Window, small: Picture, smallHole: Hole): void;
