// Whether there is a GPU that is worth using.

/** The parts of WebGPU that are looked at, which TypeScript's DOM does not declare. */
interface Adapter {
  readonly info?: { readonly vendor?: string; readonly architecture?: string; readonly isFallbackAdapter?: boolean };
  readonly isFallbackAdapter?: boolean;
  readonly limits: { readonly maxStorageBufferBindingSize: number; readonly maxBufferSize: number };
}

export interface Gpu {
  /** Emulated by the processor, which is slower than WebAssembly there. */
  readonly emulated: boolean;
  /** Bytes of one map of the model that it takes at most. */
  readonly mostBytes: number;
}

const EMULATIONS = /swiftshader|llvmpipe|lavapipe|basic render/i;

/** undefined where the browser has no WebGPU or gives no adapter. */
export async function findGpu(): Promise<Gpu | undefined> {
  const gpu = (globalThis.navigator as { gpu?: { requestAdapter(): Promise<Adapter | null> } } | undefined)?.gpu;
  const adapter = await gpu?.requestAdapter().catch(() => null);
  if (!adapter) return undefined;
  const { info, limits } = adapter;
  const emulated =
    (adapter.isFallbackAdapter ?? info?.isFallbackAdapter ?? false) ||
    EMULATIONS.test(`${info?.vendor} ${info?.architecture}`);
  return { emulated, mostBytes: Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize) };
}
