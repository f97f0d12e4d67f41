/** Small pixels a side, that are compared. */
export const PATCH = 5;
const PIXELS = PATCH * PATCH;
const LENGTH = 3 * PIXELS; // bytes of a patch
const TOGETHER = 5; // bytes that are compared before it is seen whether a patch is out already
/**
 * For each target the index of the known patch with the smallest sum of squared differences, the first of equals. Both
 * are corners of patches that lie inside; known: at least one.
 */
export function nearestPatches(small, targets, known) {
    const [asked, candidates] = [patchesAt(small, targets), patchesAt(small, known)];
    let found = 0; // neighbours look alike: what was found for the last one leaves few to compare
    return targets.map((_, target) => (found = nearest(asked, target, candidates, found)));
}
function patchesAt(small, corners) {
    const patches = { bytes: new Uint8Array(corners.length * LENGTH), sums: new Int32Array(corners.length * 3) };
    corners.forEach(([top, left], index) => {
        for (let y = 0; y < PATCH; ++y) {
            const from = 3 * ((top + y) * small.width + left);
            patches.bytes.set(small.data.subarray(from, from + 3 * PATCH), index * LENGTH + y * 3 * PATCH);
        }
        for (let i = 0; i < LENGTH; ++i)
            patches.sums[index * 3 + (i % 3)] += patches.bytes[index * LENGTH + i];
    });
    return patches;
}
/** guess: a candidate. */
function nearest(asked, target, candidates, guess) {
    let [least, best] = [squares(asked, target, candidates, guess, Infinity), guess];
    for (let one = 0; one * LENGTH < candidates.bytes.length; ++one) {
        if (atLeast(asked, target, candidates, one) > PIXELS * least)
            continue;
        const cost = squares(asked, target, candidates, one, least);
        if (cost < least || (cost === least && one < best))
            [least, best] = [cost, one];
    }
    return best;
}
/** PIXELS times what the squares are at least: as much as those of the mean colours. */
function atLeast(asked, target, candidates, one) {
    const red = asked.sums[3 * target] - candidates.sums[3 * one];
    const green = asked.sums[3 * target + 1] - candidates.sums[3 * one + 1];
    const blue = asked.sums[3 * target + 2] - candidates.sums[3 * one + 2];
    return red * red + green * green + blue * blue;
}
/** Their sum; of what is above `most` any part above it. Written out, which takes half the time. */
function squares(asked, target, candidates, one, most) {
    const [these, those] = [asked.bytes, candidates.bytes];
    const end = (target + 1) * LENGTH;
    let sum = 0;
    for (let i = target * LENGTH, j = one * LENGTH; i < end && sum <= most; i += TOGETHER, j += TOGETHER) {
        const a = these[i] - those[j];
        const b = these[i + 1] - those[j + 1];
        const c = these[i + 2] - those[j + 2];
        const d = these[i + 3] - those[j + 3];
        const e = these[i + 4] - those[j + 4];
        sum += a * a + b * b + c * c + d * d + e * e;
    }
    return sum;
}
