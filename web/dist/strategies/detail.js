// The detail that a fill at a lower resolution lacks, taken from where the picture around looks the same. As detail.py
// of lama_deploy.
import { sizeOf } from "../pictures.js";
import { dividedUp } from "../shapes.js";
import { PATCH, nearestPatches } from "./nearest.js";
import { Window } from "./windows.js";
const BLOCK = 3; // small pixels a side, whose detail is taken from one place
const EDGE = (PATCH - BLOCK) / 2;
const MOST_PLACES = 4096; // known places that are looked at
/**
 * enlarged: of a window of the image, made from `small`; gets detail in the hole, the rest of it stays. image and hole:
 * of the picture, of which the detail is where no hole is. smallHole: of the size of `small`.
 */
export function addDetail(enlarged, image, hole, window, small, smallHole) {
    const known = knownPlaces(smallHole);
    if (!known.length)
        return;
    const targets = targetsOf(smallHole);
    const sources = nearestPatches(small, targets, known);
    const residual = residualOf(enlarged, image, hole, window);
    const detail = new Int16Array(residual.length);
    const placeOf = blocksOf(window.size, sizeOf(small));
    const length = 3 * window.width;
    targets.forEach((target, i) => {
        const [to, from] = [placeOf(target), placeOf(known[sources[i]])];
        for (let y = 0; y < to.height; ++y) {
            const start = (from.top + y) * length + 3 * from.left;
            detail.set(residual.subarray(start, start + 3 * to.width), (to.top + y) * length + 3 * to.left);
        }
    });
    add(enlarged, detail, hole, window);
}
/** Of patches without hole, evenly spread. */
function knownPlaces(hole) {
    const free = [];
    for (let top = 0; top + PATCH <= hole.height; ++top)
        for (let left = 0; left + PATCH <= hole.width; ++left)
            if (!touches(hole, top, left, PATCH))
                free.push(top * hole.width + left);
    const step = Math.max(1, dividedUp(free.length, MOST_PLACES));
    return free.filter((_, i) => i % step === 0).map((place) => [Math.trunc(place / hole.width), place % hole.width]);
}
/** Of the patches whose middle blocks cover the hole, and lie inside. */
function targetsOf(hole) {
    const targets = [];
    for (let top = 0; top < hole.height; top += BLOCK)
        for (let left = 0; left < hole.width; left += BLOCK)
            if (touches(hole, top, left, BLOCK))
                targets.push([clamp(top - EDGE, hole.height - PATCH), clamp(left - EDGE, hole.width - PATCH)]);
    return targets;
}
/** Whether any pixel of a square is hole, as far as it lies inside. */
function touches(hole, top, left, side) {
    for (let y = top; y < Math.min(top + side, hole.height); ++y)
        for (let x = left; x < Math.min(left + side, hole.width); ++x)
            if (hole.data[y * hole.width + x])
                return true;
    return false;
}
/** Where the middle blocks of patches lie in the window itself. */
function blocksOf(window, small) {
    const scale = [window[0] / small[0], window[1] / small[1]];
    const [height, width] = [Math.ceil(scale[0] * BLOCK), Math.ceil(scale[1] * BLOCK)];
    return ([top, left]) => new Window(clamp(roundedEven((top + EDGE) * scale[0]), window[0] - height), clamp(roundedEven((left + EDGE) * scale[1]), window[1] - width), height, width);
}
/** What the image has more than the enlarged one, where it is known. */
function residualOf(enlarged, image, hole, window) {
    const residual = new Int16Array(enlarged.data.length);
    for (let y = window.top, i = 0; y < window.bottom; ++y)
        for (let x = window.left; x < window.right; ++x, i += 3) {
            const place = y * hole.width + x;
            if (hole.data[place])
                continue;
            for (let c = 0; c < 3; ++c)
                residual[i + c] = image.data[place * image.channels + c] - enlarged.data[i + c];
        }
    return residual;
}
function add(enlarged, detail, hole, window) {
    for (let y = window.top, i = 0; y < window.bottom; ++y)
        for (let x = window.left; x < window.right; ++x, i += 3)
            if (hole.data[y * hole.width + x])
                for (let c = i; c < i + 3; ++c)
                    enlarged.data[c] = clamp(enlarged.data[c] + detail[c], 255);
}
function clamp(value, most) {
    return Math.min(Math.max(value, 0), most);
}
/** Halves to the even one, as NumPy rounds. */
function roundedEven(value) {
    const floor = Math.floor(value);
    if (value - floor !== 0.5)
        return Math.round(value);
    return floor % 2 === 0 ? floor : floor + 1;
}
