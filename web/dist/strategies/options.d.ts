/** How pictures are cut for a model, as people ask for it: `StrategyOptions` of lama_deploy. */
export interface StrategyOptions {
    readonly strategy: Strategy;
    readonly limit: number;
    readonly margin: number;
}
export declare const STRATEGIES: readonly ["auto", "whole", "crop", "resize", "tile"];
export type Strategy = (typeof STRATEGIES)[number];
export declare const DEFAULTS: StrategyOptions;
/** Pixels: what may be asked for. */
export declare const LIMITS: readonly [128, number];
export declare const MARGINS: readonly [0, number];
