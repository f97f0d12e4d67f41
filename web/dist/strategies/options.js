export const STRATEGIES = ["auto", "whole", "crop", "resize", "tile"];
export const DEFAULTS = { strategy: "auto", limit: 1024, margin: 64 };
/** Pixels: what may be asked for. */
export const LIMITS = [128, 2 ** 16];
export const MARGINS = [0, 2 ** 14];
