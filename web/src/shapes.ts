// Which shapes an engine takes: ranges of them, and which one runs a batch of pictures. As shapes.py of lama_deploy.

/** Pictures, height and width in pixels. */
export type Shape = readonly [number, number, number];
/** Height and width in pixels. */
export type Size = readonly [number, number];

/** Any shape from `least` to `largest` runs, in each dimension by itself; `best` is what it was made for. */
export interface ShapeRange {
  readonly least: Shape;
  readonly best: Shape;
  readonly largest: Shape;
}

export function product(sides: readonly number[]): number {
  return sides.reduce((all, side) => all * side, 1);
}

export function same(one: readonly number[], other: readonly number[]): boolean {
  return one.every((side, i) => side === other[i]);
}

export function dividedUp(value: number, by: number): number {
  return Math.ceil(value / by);
}

/** Of this range, to run instead: the shape itself where it fits. */
function nearest(range: ShapeRange, shape: Shape): Shape {
  const side = (i: 0 | 1 | 2) => Math.min(Math.max(range.least[i], shape[i]), range.largest[i]);
  return [side(0), side(1), side(2)];
}

function runsFor(range: ShapeRange, shape: Shape): number {
  return product(shape.map((side, i) => dividedUp(side, range.largest[i]!)));
}

/**
 * The shape to run: `shape` where any range takes it, else of the range that covers it in the fewest parts and pads the
 * least. Without ranges anything is taken.
 */
export function partFor(ranges: readonly ShapeRange[], shape: Shape): Shape {
  let best: { runs: number; pixels: number; shape: Shape } | undefined;
  for (const range of ranges) {
    const found = nearest(range, shape);
    if (same(found, shape)) return shape;
    const one = { runs: runsFor(range, shape), pixels: product(found), shape: found };
    if (!best || one.runs < best.runs || (one.runs === best.runs && one.pixels < best.pixels)) best = one;
  }
  return best ? best.shape : shape;
}

/** For messages. */
export function described(ranges: readonly ShapeRange[]): string {
  return ranges.map((one) => `${words(one.least)} to ${words(one.largest)}`).join(", ");
}

function words(shape: Shape): string {
  return `${shape[1]}x${shape[2]}${shape[0] > 1 ? ` (batch of ${shape[0]})` : ""}`;
}
