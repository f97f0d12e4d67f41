import type { Shape } from "./shapes.js";
/** image: N x 3 x H x W in [0, 1]; mask: N x 1 x H x W, 0 or 1. */
export declare function planesOf([count, height, width]: Shape, images: Uint8Array, masks: Uint8Array): {
    image: Float32Array<ArrayBuffer>;
    mask: Float32Array<ArrayBuffer>;
};
/** N x 3 x H x W -> N x H x W x 3, scaled, clipped and truncated. Throws LamaError "engine" for NaN and infinity. */
export declare function toBytes(result: Float32Array, [count, height, width]: Shape): Uint8Array;
