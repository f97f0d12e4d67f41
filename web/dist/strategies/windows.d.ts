import { type Capabilities } from "../backend.js";
import { type Size } from "../shapes.js";
/** Pixels: sides are rounded up to it, so that engines which prepare for each shape see few of them. */
export declare const BUCKET = 64;
/** In pixels of the picture. */
export declare class Window {
    readonly top: number;
    readonly left: number;
    readonly height: number;
    readonly width: number;
    constructor(top: number, left: number, height: number, width: number);
    get size(): Size;
    get bottom(): number;
    get right(): number;
    get pixels(): number;
    /** All of something. */
    static of({ height, width }: {
        readonly height: number;
        readonly width: number;
    }): Window;
    /** The smallest that holds them all; at least one. */
    static around(windows: readonly Window[]): Window;
    /** Itself, seen from `other`, which holds it. */
    within(other: Window): Window;
    /** Whether they have pixels in common. */
    meets(other: Window): boolean;
    /** Of at least `size`, around the same middle but shifted inside the picture; no larger than it. */
    grown(size: Size, picture: Size): Window;
}
/** What one run may be given. */
export declare class Budget {
    readonly limit: number;
    readonly pixels: number;
    readonly capabilities: Capabilities;
    /**
     * limit: the side of a square, in pixels, that is as large as a window may be. pixels: for which there is memory,
     * infinity for any.
     */
    constructor(limit: number, pixels: number, capabilities: Capabilities);
    /** Grown to whole buckets, and to what the engine was made for where that is not much larger. */
    rounded(window: Window, picture: Size): Window;
    /** Whether the engine takes a picture of this size whole, and it is within limit and memory. */
    holds(size: Size): boolean;
    /** Whether the engine takes a picture of this size whole, mirrored at its edges where it is too small. */
    takes(size: Size): boolean;
    /** The largest size, nearly square, that it holds. */
    tile(): Size;
    private most;
    /** The engine's own shape, which is prepared already, for windows that fill at least three quarters of it. */
    private best;
}
export declare function up(side: number): number;
