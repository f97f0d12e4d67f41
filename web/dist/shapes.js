// Which shapes an engine takes: ranges of them, and which one runs a batch of pictures. As shapes.py of lama_deploy.
export function product(sides) {
    return sides.reduce((all, side) => all * side, 1);
}
export function same(one, other) {
    return one.every((side, i) => side === other[i]);
}
export function dividedUp(value, by) {
    return Math.ceil(value / by);
}
/** Of this range, to run instead: the shape itself where it fits. */
function nearest(range, shape) {
    const side = (i) => Math.min(Math.max(range.least[i], shape[i]), range.largest[i]);
    return [side(0), side(1), side(2)];
}
function runsFor(range, shape) {
    return product(shape.map((side, i) => dividedUp(side, range.largest[i])));
}
/**
 * The shape to run: `shape` where any range takes it, else of the range that covers it in the fewest parts and pads the
 * least. Without ranges anything is taken.
 */
export function partFor(ranges, shape) {
    let best;
    for (const range of ranges) {
        const found = nearest(range, shape);
        if (same(found, shape))
            return shape;
        const one = { runs: runsFor(range, shape), pixels: product(found), shape: found };
        if (!best || one.runs < best.runs || (one.runs === best.runs && one.pixels < best.pixels))
            best = one;
    }
    return best ? best.shape : shape;
}
/** For messages. */
export function described(ranges) {
    return ranges.map((one) => `${words(one.least)} to ${words(one.largest)}`).join(", ");
}
function words(shape) {
    return `${shape[1]}x${shape[2]}${shape[0] > 1 ? ` (batch of ${shape[0]})` : ""}`;
}
