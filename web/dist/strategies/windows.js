// Windows of a picture: where they lie, and how they grow to what a model runs well. As windows.py of lama_deploy.
import { partOf } from "../backend.js";
import { dividedUp, product } from "../shapes.js";
/** Pixels: sides are rounded up to it, so that engines which prepare for each shape see few of them. */
export const BUCKET = 64;
/** In pixels of the picture. */
export class Window {
    top;
    left;
    height;
    width;
    constructor(top, left, height, width) {
        this.top = top;
        this.left = left;
        this.height = height;
        this.width = width;
    }
    get size() {
        return [this.height, this.width];
    }
    get bottom() {
        return this.top + this.height;
    }
    get right() {
        return this.left + this.width;
    }
    get pixels() {
        return this.height * this.width;
    }
    /** All of something. */
    static of({ height, width }) {
        return new Window(0, 0, height, width);
    }
    /** The smallest that holds them all; at least one. */
    static around(windows) {
        let [top, left, bottom, right] = [Infinity, Infinity, 0, 0];
        for (const one of windows) {
            top = Math.min(top, one.top);
            left = Math.min(left, one.left);
            bottom = Math.max(bottom, one.bottom);
            right = Math.max(right, one.right);
        }
        return new Window(top, left, bottom - top, right - left);
    }
    /** Itself, seen from `other`, which holds it. */
    within(other) {
        return new Window(this.top - other.top, this.left - other.left, this.height, this.width);
    }
    /** Whether they have pixels in common. */
    meets(other) {
        const rows = this.top < other.bottom && other.top < this.bottom;
        return rows && this.left < other.right && other.left < this.right;
    }
    /** Of at least `size`, around the same middle but shifted inside the picture; no larger than it. */
    grown(size, picture) {
        const [top, height] = grownSpan(this.top, this.height, size[0], picture[0]);
        const [left, width] = grownSpan(this.left, this.width, size[1], picture[1]);
        return new Window(top, left, height, width);
    }
}
/** What one run may be given. */
export class Budget {
    limit;
    pixels;
    capabilities;
    /**
     * limit: the side of a square, in pixels, that is as large as a window may be. pixels: for which there is memory,
     * infinity for any.
     */
    constructor(limit, pixels, capabilities) {
        this.limit = limit;
        this.pixels = pixels;
        this.capabilities = capabilities;
    }
    /** Grown to whole buckets, and to what the engine was made for where that is not much larger. */
    rounded(window, picture) {
        const most = this.tile();
        const height = up(Math.max(window.height, Math.min(this.capabilities.window, most[0])));
        const width = up(Math.max(window.width, Math.min(this.capabilities.window, most[1])));
        return window.grown(this.best([height, width]), picture);
    }
    /** Whether the engine takes a picture of this size whole, and it is within limit and memory. */
    holds(size) {
        return this.takes(size) && product(size) <= this.most();
    }
    /** Whether the engine takes a picture of this size whole, mirrored at its edges where it is too small. */
    takes(size) {
        const [count, height, width] = partOf(this.capabilities, [1, ...size]);
        return count >= 1 && height >= size[0] && width >= size[1];
    }
    /** The largest size, nearly square, that it holds. */
    tile() {
        const wanted = Math.trunc(Math.min(this.limit, Math.sqrt(this.most())));
        const side = Math.max(BUCKET, Math.trunc(wanted / BUCKET) * BUCKET);
        const [, height, width] = partOf(this.capabilities, [1, side, side]);
        return [Math.min(side, height), Math.min(side, width)];
    }
    most() {
        return Math.min(this.pixels, this.limit ** 2);
    }
    /** The engine's own shape, which is prepared already, for windows that fill at least three quarters of it. */
    best(size) {
        for (const { best } of this.capabilities.shapes) {
            const fits = size[0] <= best[1] && size[1] <= best[2];
            if (fits && 4 * product(size) >= 3 * best[1] * best[2])
                return [best[1], best[2]];
        }
        const [, height, width] = partOf(this.capabilities, [1, ...size]);
        return [Math.max(size[0], height), Math.max(size[1], width)];
    }
}
export function up(side) {
    return dividedUp(side, BUCKET) * BUCKET;
}
function grownSpan(start, length, wanted, whole) {
    wanted = Math.min(Math.max(length, wanted), whole);
    start -= Math.trunc((wanted - length) / 2);
    return [Math.min(Math.max(0, start), whole - wanted), wanted];
}
