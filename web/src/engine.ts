// A model of lama-export in ONNX Runtime, as a Backend.
import type { InferenceSession, Tensor } from "onnxruntime-web";
import type { Backend, Capabilities } from "./backend.js";
import { LamaError, brief } from "./errors.js";
import type { Gpu } from "./gpu.js";
import { planesOf, toBytes } from "./floats.js";
import type { ModelFacts } from "./onnx_file.js";
import { sizeWords } from "./pictures.js";
import type { Ort } from "./runtime.js";
import { product, type Shape, type ShapeRange } from "./shapes.js";
import type { Provider } from "./types.js";

const GIB = 2 ** 30;
const WASM_MEMORY = 4 * GIB; // what a 32-bit module addresses
// A run takes so many bytes a pixel for each channel of the generator's width, at most: 574 with lama-demo, which has
// 32, all of the picture hole, in float32 and in half.
const BYTES_BY_WIDTH = 20;
const WIDTH = 64; // of all generators of the paper
const WEIGHT_COPIES = 3; // the file, what was read of it, and what the engine made of it
const FLOAT = 4; // bytes
const IS_OF_MEMORY = /bad_?alloc|out of memory|memory access|allocat|exceeds? the max|buffer size/i;

/** What inputs and outputs are to be, by the interface that the file names. */
const INTERFACES = {
  uint8: { image: ["uint8", 4], mask: ["uint8", 3], result: ["uint8", 4] },
  float: { image: ["float32", 4], mask: ["float32", 4], result: ["float32", 4] },
} as const;

export class Engine implements Backend {
  readonly capabilities: Capabilities;

  private constructor(
    private readonly ort: Ort,
    private readonly session: InferenceSession,
    private readonly facts: ModelFacts,
    private readonly pixels: number,
  ) {
    this.capabilities = { shapes: fixedShapes(session), batch: 1, window: 0 };
  }

  /** gpu: where it computes in place of WebAssembly. name: for messages. Throws LamaError "model". */
  static async open(ort: Ort, model: Uint8Array, facts: ModelFacts, name: string, gpu?: Gpu): Promise<Engine> {
    const provider: Provider = gpu ? "webgpu" : "wasm";
    try {
      const session = await ort.InferenceSession.create(model, {
        executionProviders: [provider],
        graphOptimizationLevel: "all",
        enableMemPattern: false, // else the second picture of a size takes memory beside the first one's
        logSeverityLevel: 3,
      });
      checkInterface(session, facts.io, name);
      return new Engine(ort, session, facts, gpu ? mapsOf(gpu, facts) : roomFor(model.length, facts));
    } catch (error) {
      if (error instanceof LamaError) throw error;
      const kind = isOfMemory(error) ? "memory" : "model";
      throw new LamaError(kind, `${name}: ONNX Runtime cannot open it by ${provider} (${brief(error)}); export it again`);
    }
  }

  mostPixels(): number {
    return this.pixels;
  }

  async run(shape: Shape, images: Uint8Array, masks: Uint8Array): Promise<Uint8Array> {
    const size = sizeWords([shape[1], shape[2]]);
    const remedy = 'run it by strategy "auto", "crop", "resize" or "tile", with a smaller `limit`, which takes less at once';
    if (product(shape) > this.pixels)
      throw new LamaError("memory", `${size} pixels take more memory than a browser has for this model; ${remedy}`);
    try {
      return await this.computed(shape, images, masks);
    } catch (error) {
      if (error instanceof LamaError) throw error;
      if (isOfMemory(error)) throw new LamaError("memory", `${size} pixels do not fit into memory (${brief(error)}); ${remedy}`);
      throw new LamaError("engine", `ONNX Runtime failed at ${size} pixels (${brief(error)})`);
    }
  }

  async close(): Promise<void> {
    await this.session.release();
  }

  private async computed(shape: Shape, images: Uint8Array, masks: Uint8Array): Promise<Uint8Array> {
    const { result } = await this.session.run(this.feeds(shape, images, masks), ["result"]);
    const data = await result!.getData();
    result!.dispose();
    const bytes = this.facts.io === "uint8" ? (data as Uint8Array) : toBytes(data as Float32Array, shape);
    if (bytes.length === images.length) return bytes;
    throw new LamaError("engine", `the model gave ${bytes.length} bytes for pictures of ${images.length}; export it again`);
  }

  private feeds([count, height, width]: Shape, images: Uint8Array, masks: Uint8Array): Record<string, Tensor> {
    const { Tensor } = this.ort;
    if (this.facts.io === "uint8")
      return {
        image: new Tensor("uint8", images, [count, height, width, 3]),
        mask: new Tensor("uint8", masks, [count, height, width]),
      };
    const planes = planesOf([count, height, width], images, masks);
    return {
      image: new Tensor("float32", planes.image, [count, 3, height, width]),
      mask: new Tensor("float32", planes.mask, [count, 1, height, width]),
    };
  }
}

function isOfMemory(error: unknown): boolean {
  return error instanceof RangeError || IS_OF_MEMORY.test(brief(error));
}

/** Pixels of a run in WebAssembly. Browsers that say how much memory the machine has are left half of it. */
function roomFor(modelBytes: number, { width = WIDTH }: ModelFacts): number {
  const machine = (globalThis.navigator as { deviceMemory?: number } | undefined)?.deviceMemory;
  const memory = Math.min(WASM_MEMORY, machine === undefined ? Infinity : (machine * GIB) / 2);
  return Math.max(0, memory - WEIGHT_COPIES * modelBytes) / (BYTES_BY_WIDTH * width);
}

/** Pixels of a run whose largest map is one buffer of the GPU. */
function mapsOf(gpu: Gpu, { width = WIDTH }: ModelFacts): number {
  return gpu.mostBytes / (FLOAT * width);
}

/** Of a file for one size: that one. */
function fixedShapes(session: InferenceSession): readonly ShapeRange[] {
  const mask = session.inputMetadata.find((value) => value.name === "mask");
  const dims = mask?.isTensor ? mask.shape : [];
  const [count, height, width] = [dims[0], dims.at(-2), dims.at(-1)];
  if (typeof count !== "number" || typeof height !== "number" || typeof width !== "number") return [];
  const shape: Shape = [count, height, width];
  return [{ least: shape, best: shape, largest: shape }];
}

function checkInterface(session: InferenceSession, io: ModelFacts["io"], name: string): void {
  const values = [...session.inputMetadata, ...session.outputMetadata];
  const found = new Map(values.map((value) => [value.name, value.isTensor ? [value.type, value.shape.length] : []]));
  const expected = Object.entries(INTERFACES[io]);
  const fits = expected.every(([value, [type, rank]]) => found.get(value)?.[0] === type && found.get(value)?.[1] === rank);
  if (fits && found.size === expected.length) return;
  throw new LamaError("model", `${name}: says that its interface is ${io}, and has other inputs or outputs; export it again`);
}
