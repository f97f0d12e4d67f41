import type { Shape } from "../shapes.js";
export declare const NOT_FINITE = "in half precision it may have overflowed, or its file is damaged; export it again, or use another precision";
/**
 * Throws LamaError "engine" where NaN became black on its way to bytes, inside of the model. Told by a hole in which
 * every value is 0, in a picture without a single black pixel. All as Backend.run has them.
 */
export declare function checkFilled([count, height, width]: Shape, results: Uint8Array, images: Uint8Array, masks: Uint8Array): void;
