// Windows made smaller for the model, and what it filled made as large again. As resample.py of lama_deploy: what
// Pillow computes, in fixed point, to the byte.
import { blankHole, blankPicture, sizeOf } from "../pictures.js";
import { same } from "../shapes.js";
const KNOWN_ENOUGH = 192; // of 255 parts of a small pixel that are known, for it to be known
const PRECISION = 22; // bits of a weight
const HALF = 1 << (PRECISION - 1);
const [HAMMING_A, HAMMING_B] = [Math.fround(0.54), Math.fround(0.46)]; // single precision, as Pillow has them
const BICUBIC_A = -0.5;
const HAMMING = { weight: hamming, support: 1 };
const BICUBIC = { weight: bicubic, support: 2 };
/**
 * A window of the picture and of its hole, made `size`; its hole is 1 or 0. A small pixel is the mean of the known
 * pixels that it covers: what a hole hides never colours what is beside it. Of the same size: as they are.
 */
export function shrunk(image, hole, window, size) {
    const layers = resized(4, (y, out) => knownRow(image, hole, window, y, out), window.size, size, HAMMING);
    const small = { image: blankPicture(size), hole: blankHole(size) };
    for (let i = 0; i < small.hole.data.length; ++i) {
        const known = layers[4 * i + 3];
        for (let c = 0; c < 3; ++c)
            small.image.data[3 * i + c] = divided(layers[4 * i + c], known);
        small.hole.data[i] = known < KNOWN_ENOUGH ? 1 : 0;
    }
    return small;
}
/** Of a size at least as large. */
export function enlarged(small, size) {
    if (same(size, sizeOf(small)))
        return { ...small, data: small.data.slice() };
    const length = 3 * small.width;
    const row = (y, out) => out.set(small.data.subarray(y * length, (y + 1) * length));
    const data = resized(3, row, sizeOf(small), size, BICUBIC);
    return { data, height: size[0], width: size[1], channels: 3 };
}
/** Colours, 0 in the hole, and how much is known. */
function knownRow(image, hole, window, y, out) {
    const { channels, data } = image;
    let from = ((window.top + y) * image.width + window.left) * channels;
    const holes = (window.top + y) * hole.width + window.left;
    for (let x = 0, to = 0; x < window.width; ++x, from += channels, to += 4) {
        const known = hole.data[holes + x] ? 0 : 255;
        out[to] = data[from] & known;
        out[to + 1] = data[from + 1] & known;
        out[to + 2] = data[from + 2] & known;
        out[to + 3] = known;
    }
}
/**
 * Rows are made narrower one by one, so that nothing of the picture's size but the picture is in memory.
 */
function resized(channels, rowOf, from, to, filter) {
    const narrow = new Uint8Array(from[0] * to[1] * channels);
    const length = to[1] * channels;
    const row = new Uint8Array(from[1] * channels);
    const parts = from[1] === to[1] ? undefined : partsOf(from[1], to[1], filter);
    for (let y = 0; y < from[0]; ++y) {
        const out = narrow.subarray(y * length, (y + 1) * length);
        rowOf(y, parts ? row : out);
        if (parts)
            resizeRow(channels, row, parts, out);
    }
    return from[0] === to[0] ? narrow : resizeRows(narrow, length, partsOf(from[0], to[0], filter));
}
function resizeRow(channels, row, parts, out) {
    let to = 0;
    for (const { start, weights } of parts)
        for (let c = 0; c < channels; ++c) {
            let sum = HALF;
            for (let i = 0, from = start * channels + c; i < weights.length; ++i, from += channels)
                sum += row[from] * weights[i];
            out[to++] = rounded(sum);
        }
}
function resizeRows(image, length, parts) {
    const out = new Uint8Array(parts.length * length);
    const sums = new Int32Array(length);
    parts.forEach(({ start, weights }, y) => {
        sums.fill(HALF);
        weights.forEach((weight, k) => {
            const from = (start + k) * length;
            for (let i = 0; i < length; ++i)
                sums[i] += image[from + i] * weight;
        });
        for (let i = 0, to = y * length; i < length; ++i)
            out[to++] = rounded(sums[i]);
    });
    return out;
}
function partsOf(from, to, filter) {
    return Array.from({ length: to }, (_, i) => partOf(from, from / to, filter, i));
}
function partOf(from, scale, filter, index) {
    const wider = Math.max(scale, 1);
    const [support, inverse, middle] = [filter.support * wider, 1 / wider, (index + 0.5) * scale];
    const start = Math.max(0, Math.trunc(middle - support + 0.5));
    const last = Math.min(from, Math.trunc(middle + support + 0.5));
    const weights = [];
    let sum = 0;
    for (let x = start; x < last; ++x) {
        weights.push(filter.weight((x - middle + 0.5) * inverse));
        sum += weights.at(-1);
    }
    const scaled = weights.map((weight) => (sum === 0 ? weight : weight / sum) * 2 ** PRECISION);
    return { start, weights: Int32Array.from(scaled, (one) => Math.trunc(one < 0 ? one - 0.5 : one + 0.5)) };
}
function rounded(sum) {
    return Math.min(255, Math.max(0, sum >> PRECISION));
}
/** Colours were multiplied by how much of a pixel is known. */
function divided(colour, known) {
    return known === 0 || known === 255 ? colour : Math.min(255, Math.trunc((255 * colour) / known));
}
function hamming(x) {
    x = Math.abs(x);
    if (x === 0)
        return 1;
    if (x >= 1)
        return 0;
    x *= Math.PI;
    return (Math.sin(x) / x) * (HAMMING_A + HAMMING_B * Math.cos(x));
}
function bicubic(x) {
    x = Math.abs(x);
    if (x < 1)
        return ((BICUBIC_A + 2) * x - (BICUBIC_A + 3)) * x * x + 1;
    if (x < 2)
        return (((x - 5) * x + 8) * x - 4) * BICUBIC_A;
    return 0;
}
