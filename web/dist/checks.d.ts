import { type StrategyOptions } from "./strategies/options.js";
import { type LoadOptions, type Mask, type Pixels, type RunOptions } from "./types.js";
/** Throws LamaError "input". */
export declare function checkLoad({ provider, threads, expectedSha256, runtime }: LoadOptions): void;
/** Throws LamaError "input". */
export declare function checkPictures(image: Pixels, mask: Mask): void;
/** Throws LamaError "input". */
export declare function strategyOf({ strategy, limit, margin }: RunOptions): StrategyOptions;
