import { type Hole, type Picture } from "../pictures.js";
import { type Size } from "../shapes.js";
import { type Filling } from "./fillings.js";
import { type Region } from "./holes.js";
import type { StrategyOptions } from "./options.js";
import { Window, type Budget } from "./windows.js";
declare const WHY: {
    small: string;
    noGain: string;
    holes: string;
    large: string;
    thin: string;
    memory: string;
    engine: string;
    fits: string;
    empty: string;
    asked: string;
};
export type Why = keyof typeof WHY;
export type Kind = "crop" | "resize" | "tile";
/**
 * How one hole is filled. window: what the model sees of the picture; size: what it is given, smaller for "resize", a
 * tile's for "tile".
 */
export interface Step {
    readonly kind: Kind;
    readonly hole: Region;
    readonly window: Window;
    readonly size: Size;
}
export declare class Plan {
    readonly size: Size;
    readonly steps: readonly Step[];
    readonly why: Why;
    /** steps: none where the picture is taken whole, and where there is no hole. */
    constructor(size: Size, steps: readonly Step[], why: Why);
    /** canvas: is filled as they run; hole: which the plan is for. */
    fillings(canvas: Picture, hole: Hole): Filling[];
    /** Of the engine. */
    get runs(): number;
    /** In words: "crop", or "crop and tile". */
    get kinds(): string;
    /** One line without numbers, the same for all pictures of a kind. */
    get text(): string;
    /** What the model is given, in words. */
    get windows(): string;
}
export declare function planned(hole: Hole, options: StrategyOptions, budget: Budget): Plan;
export {};
