import type { StrategyOptions } from "./strategies/options.js";
import type { Picture, Hole } from "./pictures.js";
import type { LoadOptions, Provider } from "./types.js";
export interface Job {
    /** Is filled, and no longer the caller's. */
    readonly canvas: Picture;
    /** No longer the caller's either. */
    readonly hole: Hole;
    readonly options: StrategyOptions;
}
export interface Filled {
    readonly data: Uint8Array;
    readonly plan: string;
    readonly notes: readonly string[];
}
export interface Filler {
    readonly provider: Provider;
    /** Of how it was opened. */
    readonly notes: readonly string[];
    /** signal: ends it before the next window. */
    fill(job: Job, progress: (done: number, all: number) => void, signal?: AbortSignal): Promise<Filled>;
    close(): Promise<void>;
}
/** What of the options goes on to where it computes. */
export type OpenOptions = Pick<LoadOptions, "runtime" | "provider" | "threads">;
