// What an engine declares and does: the counterpart of lama_deploy/runtime/backend.py.
import { partFor } from "./shapes.js";
export function partOf(capabilities, shape) {
    return partFor(capabilities.shapes, shape);
}
