// Pictures as the screen shows them. What is sent and downloaded are files; these here are only looked at.
import { isSideways, orientationOf, setUpright } from "./exif.js";
import { exifIn, signed } from "./metadata.js";
const MOST_SHOWN = 12_000_000; // pixels of a bitmap; Safari's canvases end at 16.7 million
/** Raises what createImageBitmap does where the browser cannot read the file. */
export async function show(file) {
    const { bitmap, orientation } = await decode(file);
    const [width, height] = isSideways(orientation) ? [bitmap.height, bitmap.width] : [bitmap.width, bitmap.height];
    const share = Math.min(1, Math.sqrt(MOST_SHOWN / (width * height)));
    if (share === 1 && orientation === 1)
        return { bitmap, width, height };
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * share)), Math.max(1, Math.round(height * share)));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.scale(canvas.width / width, canvas.height / height);
    turn(context, orientation, { width, height });
    context.drawImage(bitmap, 0, 0);
    bitmap.close();
    return { bitmap: canvas.transferToImageBitmap(), width, height };
}
/**
 * As the pixels are stored. Browsers turn JPEG by its EXIF data, and differ over PNG and WebP; so none is let do it.
 */
export async function decode(file, options = {}) {
    const bytes = new Uint8Array(await file.arrayBuffer());
    const exif = exifIn(bytes);
    const orientation = exif ? orientationOf(exif) : 1;
    if (!exif || orientation === 1)
        return { bitmap: await createImageBitmap(file, options), orientation: 1 };
    setUpright(exif);
    return { bitmap: await createImageBitmap(new Blob([signed(bytes)], { type: file.type }), options), orientation };
}
/** shown: the size after turning. What is drawn from now on as it is stored appears as it is shown. */
export function turn(context, orientation, shown) {
    const { width: w, height: h } = shown;
    const matrices = {
        2: [-1, 0, 0, 1, w, 0],
        3: [-1, 0, 0, -1, w, h],
        4: [1, 0, 0, -1, 0, h],
        5: [0, 1, 1, 0, 0, 0],
        6: [0, 1, -1, 0, w, 0],
        7: [0, -1, -1, 0, w, h],
        8: [0, -1, 1, 0, 0, h],
    };
    const matrix = matrices[orientation];
    if (matrix)
        context.transform(...matrix);
}
