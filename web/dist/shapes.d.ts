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
export declare function product(sides: readonly number[]): number;
export declare function same(one: readonly number[], other: readonly number[]): boolean;
export declare function dividedUp(value: number, by: number): number;
/**
 * The shape to run: `shape` where any range takes it, else of the range that covers it in the fewest parts and pads the
 * least. Without ranges anything is taken.
 */
export declare function partFor(ranges: readonly ShapeRange[], shape: Shape): Shape;
/** For messages. */
export declare function described(ranges: readonly ShapeRange[]): string;
