// How one hole is filled, as generators: each asks for windows to be run, and sets what comes back. As fillings.py of
// lama_deploy.
//
// So that windows of many holes and pictures can run as one batch, whoever drives them decides what runs when. A window
// shows the holes of others as holes, whether they are filled by then or not, so that this decides nothing else.
import { blankHole, copyHole, sizeOf } from "../pictures.js";
import { addDetail } from "./detail.js";
import { enlarged, shrunk } from "./resample.js";
import { coresOf } from "./tiling.js";
import { Window } from "./windows.js";
/** canvas: is filled; hole: stays. */
export function* fillWhole(canvas, hole) {
    setFilled(canvas, hole, yield requestOf(canvas, hole));
}
/** What the engine gave, where the hole is. */
export function setFilled(canvas, hole, result) {
    for (let i = 0; i < hole.data.length; ++i)
        if (hole.data[i])
            setPixel(canvas, i, result, i);
}
/** Of all of a picture. */
export function requestOf(image, hole) {
    return { image, imagePlace: Window.of(image), hole, holePlace: Window.of(hole) };
}
/** As `fillWhole`, of one hole and what the window shows around it. */
export function* fillCrop(canvas, hole, one, window) {
    const result = yield { image: canvas, imagePlace: window, hole, holePlace: window };
    set(canvas, hole, one, window, result, window);
}
/**
 * As `fillCrop`, with the window made `size`; the fill is enlarged and gets the detail of what looks like it.
 *
 * Enlarging goes on smoothly from the known pixels into the hole, so that its edge is no seam.
 */
export function* fillResized(canvas, hole, one, window, size) {
    const small = shrunk(canvas, hole, window, size);
    const result = yield requestOf(small.image, small.hole);
    const fill = enlarged(result, window.size);
    addDetail(fill, canvas, hole, window, result, small.hole);
    set(canvas, hole, one, window, fill, window);
}
/** In windows of `size`, those first that see the most; later ones see what is filled already. */
export function* fillTiles(canvas, hole, one, size) {
    const cores = coresOf(one, size).map((core) => ({ core, window: core.grown(size, sizeOf(hole)) }));
    const region = Window.around(cores.map((tile) => tile.window));
    const left = blankHole(region.size);
    copyHole(hole, region, left.data);
    const seen = (window) => window.within(region);
    const tiles = cores.map((tile) => ({ ...tile, unknown: unknownIn(left, seen(tile.window)) }));
    while (tiles.length) {
        const unknown = tiles.map((tile) => tile.unknown);
        const [tile] = tiles.splice(unknown.indexOf(Math.min(...unknown)), 1); // the first of equals
        const result = yield { image: canvas, imagePlace: tile.window, hole: left, holePlace: seen(tile.window) };
        set(canvas, hole, one, tile.core, result, tile.window);
        forget(left, one, tile.core, region);
        for (const near of tiles)
            if (near.window.meets(tile.core))
                near.unknown = unknownIn(left, seen(near.window));
    }
}
/** Sets what of a window is the hole's own. fill: of the window `seen`, which holds it. */
function set(canvas, hole, one, window, fill, seen) {
    for (let y = window.top; y < window.bottom; ++y) {
        const [row, cells] = [y * canvas.width, (y >> 3) * one.owners.width];
        for (let x = window.left; x < window.right; ++x)
            if (hole.data[row + x] && one.owners.values[cells + (x >> 3)] === one.index)
                setPixel(canvas, row + x, fill, (y - seen.top) * seen.width + x - seen.left);
    }
}
function setPixel(to, at, from, place) {
    const [out, start] = [at * to.channels, place * 3];
    to.data[out] = from.data[start];
    to.data[out + 1] = from.data[start + 1];
    to.data[out + 2] = from.data[start + 2];
}
/** What is the hole's own in a core is none any more. left: of the region. */
function forget(left, one, core, region) {
    for (let y = core.top; y < core.bottom; ++y)
        for (let x = core.left; x < core.right; ++x)
            if (one.owners.at(y >> 3, x >> 3) === one.index)
                left.data[(y - region.top) * left.width + x - region.left] = 0;
}
function unknownIn(left, window) {
    let count = 0;
    for (let y = window.top; y < window.bottom; ++y)
        for (let i = y * left.width + window.left, end = i + window.width; i < end; ++i)
            if (left.data[i])
                ++count;
    return count;
}
