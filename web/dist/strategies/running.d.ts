import { type Picture } from "../pictures.js";
import { type Size } from "../shapes.js";
import type { Filling, Request } from "./fillings.js";
import type { Run } from "./parts.js";
/** Of requests of one size, at least one, the pictures filled. Throws LamaError. */
export declare function runTogether(run: Run, requests: readonly Request[]): Promise<Picture[]>;
/**
 * together: how many windows of a size run as one batch; where they fail together they run one by one. computed: is
 * told after each run how many windows it was. What it throws ends the work, as does what `run` throws for one window
 * alone.
 */
export declare function runFillings(run: Run, fillings: readonly Filling[], together: (size: Size) => number, computed: (count: number) => Promise<void>): Promise<void>;
