// The size of the brush: its diameter on the screen, so that zooming in makes it finer.
import { clamp } from "./geometry.js";
import { page } from "./page.js";
const FACTOR = 1.25;
/** CSS pixels. */
export function brushSize() {
    return page.size.valueAsNumber;
}
export function setBrushSize(size) {
    page.size.value = String(clamp(Math.round(size), Number(page.size.min), Number(page.size.max)));
    page.sizeShown.value = page.size.value;
}
/** steps: 1 for the next larger size, -1 for the next smaller. */
export function stepBrushSize(steps) {
    setBrushSize(Math.max(brushSize() * FACTOR ** steps, brushSize() + Math.min(steps, 0)) + Math.max(steps, 0));
}
