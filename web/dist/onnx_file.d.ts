export interface ModelFacts {
    /** Of lama-export: "uint8" or "float". */
    readonly io: "uint8" | "float";
    /** Channels of the generator's first layer, on which the memory of a run depends; undefined where none is found. */
    readonly width: number | undefined;
}
/** Throws LamaError "model" for anything but a file that `lama-export --to onnx` wrote. name: for messages. */
export declare function factsOf(model: Uint8Array, name: string): ModelFacts;
