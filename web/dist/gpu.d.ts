export interface Gpu {
    /** Emulated by the processor, which is slower than WebAssembly there. */
    readonly emulated: boolean;
    /** Bytes of one map of the model that it takes at most. */
    readonly mostBytes: number;
}
/** undefined where the browser has no WebGPU or gives no adapter. */
export declare function findGpu(): Promise<Gpu | undefined>;
