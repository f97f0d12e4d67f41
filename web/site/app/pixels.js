// Pixels out of files and into PNG, for the engine inside the browser.
import { isSideways } from "./exif.js";
import { encodePng } from "./png.js";
import { decode, turn } from "./picture.js";
const TILE = 2048; // Safari's canvases end at 16.7 million pixels
const OPAQUE = 255;
/** The values of the file: no colour profile is applied. */
export async function pixelsOf(file) {
    const { bitmap, orientation } = await decode(file, { colorSpaceConversion: "none", premultiplyAlpha: "none" });
    const [width, height] = isSideways(orientation) ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
    const data = new Uint8Array(width * height * 4);
    const context = new OffscreenCanvas(Math.min(TILE, width), Math.min(TILE, height)).getContext("2d", { willReadFrequently: true });
    context.imageSmoothingEnabled = false;
    for (let top = 0; top < height; top += TILE) {
        for (let left = 0; left < width; left += TILE) {
            const [across, down] = [Math.min(TILE, width - left), Math.min(TILE, height - top)];
            context.setTransform(1, 0, 0, 1, 0, 0);
            context.clearRect(0, 0, TILE, TILE);
            context.translate(-left, -top);
            turn(context, orientation, { width, height });
            context.drawImage(bitmap, 0, 0);
            const tile = context.getImageData(0, 0, across, down).data;
            for (let y = 0; y < down; y++) {
                data.set(tile.subarray(y * across * 4, (y + 1) * across * 4), ((top + y) * width + left) * 4);
            }
        }
    }
    bitmap.close();
    return { data, width, height };
}
/** Whether some pixels are see-through, and whether some are so partly or hide a colour, which canvases change. */
export function hasTransparency({ data }) {
    for (let at = 3; at < data.length; at += 4)
        if (data[at] !== OPAQUE)
            return true;
    return false;
}
/** Without loss. */
export function pngOf(pixels, chunks) {
    const { width, height } = pixels;
    const transparent = hasTransparency(pixels);
    return encodePng({ width, height, depth: 8, colour: transparent ? "rgba" : "rgb" }, filteredRows(pixels, transparent ? 4 : 3), chunks);
}
/** Each sample less its left neighbour, which is PNG's filter type 1. */
function filteredRows({ data, width, height }, channels) {
    const rows = new Uint8Array(height * (1 + width * channels));
    let to = 0;
    for (let y = 0; y < height; y++) {
        rows[to++] = 1;
        const start = y * width * 4;
        for (let x = 0; x < width; x++) {
            const from = start + x * 4;
            for (let c = 0; c < channels; c++)
                rows[to++] = x ? data[from + c] - data[from + c - 4] : data[from + c];
        }
    }
    return rows;
}
