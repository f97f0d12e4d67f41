/** How pictures are cut for a model, as people ask for it: `StrategyOptions` of lama_deploy. */
export interface StrategyOptions {
  readonly strategy: Strategy;
  readonly limit: number;
  readonly margin: number;
}

export const STRATEGIES = ["auto", "whole", "crop", "resize", "tile"] as const;
export type Strategy = (typeof STRATEGIES)[number];

export const DEFAULTS: StrategyOptions = { strategy: "auto", limit: 1024, margin: 64 };
/** Pixels: what may be asked for. */
export const LIMITS = [128, 2 ** 16] as const;
export const MARGINS = [0, 2 ** 14] as const;
