export { LamaError } from "./errors.js";
export { Inpainter } from "./inpainter.js";
