import { type Hole, type Picture } from "../pictures.js";
import type { Size } from "../shapes.js";
import type { Region } from "./holes.js";
import { Window } from "./windows.js";
/** What is to be run, as it is then: a place in a picture and one of the same size in a hole. */
export interface Request {
    readonly image: Picture;
    readonly imagePlace: Window;
    readonly hole: Hole;
    readonly holePlace: Window;
}
/** Is sent the request's picture, filled, of 3 channels. */
export type Filling = Generator<Request, void, Picture>;
/** canvas: is filled; hole: stays. */
export declare function fillWhole(canvas: Picture, hole: Hole): Filling;
/** What the engine gave, where the hole is. */
export declare function setFilled(canvas: Picture, hole: Hole, result: Picture): void;
/** Of all of a picture. */
export declare function requestOf(image: Picture, hole: Hole): Request;
/** As `fillWhole`, of one hole and what the window shows around it. */
export declare function fillCrop(canvas: Picture, hole: Hole, one: Region, window: Window): Filling;
/**
 * As `fillCrop`, with the window made `size`; the fill is enlarged and gets the detail of what looks like it.
 *
 * Enlarging goes on smoothly from the known pixels into the hole, so that its edge is no seam.
 */
export declare function fillResized(canvas: Picture, hole: Hole, one: Region, window: Window, size: Size): Filling;
/** In windows of `size`, those first that see the most; later ones see what is filled already. */
export declare function fillTiles(canvas: Picture, hole: Hole, one: Region, size: Size): Filling;
