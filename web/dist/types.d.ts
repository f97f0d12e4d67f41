import type { Strategy } from "./strategies/options.js";
/** Bytes of RGB or RGBA, rows from the top, without padding: `ImageData` with `channels: 4`. Alpha comes back as it was. */
export interface Pixels {
    readonly data: Uint8Array | Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
    readonly channels: 3 | 4;
}
/** A byte for each pixel of the picture, rows from the top; above 0 is hole. */
export interface Mask {
    readonly data: Uint8Array | Uint8ClampedArray;
    readonly width: number;
    readonly height: number;
}
export declare const PROVIDERS: readonly ["auto", "wasm", "webgpu"];
export interface LoadOptions {
    /** URL of the folder with onnxruntime-web's files (its `dist`); without it they come as the bundler or Node finds them. */
    readonly runtime?: string;
    /** "auto" (the default): WebGPU where there is a real GPU for it and it computes, else WebAssembly. */
    readonly provider?: (typeof PROVIDERS)[number];
    /** Of WebAssembly, 1 to 64; by default as many as there are cores, at most 4. More than 1 need an isolated page. */
    readonly threads?: number;
    /** Is told of the model's download. total: undefined where the server does not say it. */
    readonly progress?: (bytes: number, total: number | undefined) => void;
    /** Ends the loading with its reason. */
    readonly signal?: AbortSignal;
    /** Of the model, 64 hexadecimal digits: any other file is refused, and the stored one is used without asking the server. */
    readonly expectedSha256?: string;
}
export interface RunOptions {
    /** "whole", "crop", "resize", "tile", or "auto" (the default): for each picture and hole what suits it. */
    readonly strategy?: Strategy;
    /** Pixels, 128 to 65,536 (default 1,024): windows are no larger than a square of this side. */
    readonly limit?: number;
    /** Pixels around a hole that a window has at least, 0 to 16,384 (default 64). */
    readonly margin?: number;
    /** Ends the run with its reason; a window that is being computed is computed to its end, for nobody. */
    readonly signal?: AbortSignal;
    /** Is told how many windows of how many are computed. */
    readonly progress?: (done: number, all: number) => void;
}
export interface Result {
    /** The picture filled, of the kind and channels that were given; pixels outside the hole are those that were given. */
    readonly pixels: Pixels;
    /** How it was filled, in a line. */
    readonly plan: string;
    /** What is not as one might expect, a line each. */
    readonly notes: readonly string[];
}
/** Where it computes. */
export type Provider = "wasm" | "webgpu";
