import { type Backend } from "../backend.js";
import { type Shape } from "../shapes.js";
export type Tell = (level: "info" | "warning", line: string) => void;
/** Runs a backend at any shape. */
export declare class Whole {
    private readonly backend;
    private readonly tell;
    private readonly said;
    constructor(backend: Backend, tell: Tell);
    /** Of all pictures of a run, that memory has room for now, with a little to spare; infinity where unknown. */
    mostPixels(): number;
    /** As Backend.run, with any number of pictures, and of any size up to what the backend takes. */
    run(shape: Shape, images: Uint8Array, masks: Uint8Array): Promise<Uint8Array>;
    /** Once of each kind: many large photographs are no news with every one. */
    private say;
}
