import type { Backend, Capabilities } from "./backend.js";
import type { Gpu } from "./gpu.js";
import type { ModelFacts } from "./onnx_file.js";
import type { Ort } from "./runtime.js";
import { type Shape } from "./shapes.js";
export declare class Engine implements Backend {
    private readonly ort;
    private readonly session;
    private readonly facts;
    private readonly pixels;
    readonly capabilities: Capabilities;
    private constructor();
    /** gpu: where it computes in place of WebAssembly. name: for messages. Throws LamaError "model". */
    static open(ort: Ort, model: Uint8Array, facts: ModelFacts, name: string, gpu?: Gpu): Promise<Engine>;
    mostPixels(): number;
    run(shape: Shape, images: Uint8Array, masks: Uint8Array): Promise<Uint8Array>;
    close(): Promise<void>;
    private computed;
    private feeds;
}
