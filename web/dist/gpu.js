// Whether there is a GPU that is worth using.
const EMULATIONS = /swiftshader|llvmpipe|lavapipe|basic render/i;
/** undefined where the browser has no WebGPU or gives no adapter. */
export async function findGpu() {
    const gpu = globalThis.navigator?.gpu;
    const adapter = await gpu?.requestAdapter().catch(() => null);
    if (!adapter)
        return undefined;
    const { info, limits } = adapter;
    const emulated = (adapter.isFallbackAdapter ?? info?.isFallbackAdapter ?? false) ||
        EMULATIONS.test(`${info?.vendor} ${info?.architecture}`);
    return { emulated, mostBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) };
}
