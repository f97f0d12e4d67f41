// The size of the brush: its diameter on the screen, so that zooming in makes it finer.

import { clamp } from "./geometry.js";
import { page } from "./page.js";

const FACTOR = 1.25;

/** CSS pixels. */
export function brushSize(): number {
  return page.size.valueAsNumber;
}

export function setBrushSize(size: number): void {
  page.size.value = String(clamp(Math.round(size), Number(page.size.min), Number(page.size.max)));
  page.sizeShown.value = page.size.value;
}

/** To the next larger or smaller size. */
export function stepBrushSize(way: 1 | -1): void {
  const scaled = Math.round(brushSize() * FACTOR ** way);
  setBrushSize(scaled === brushSize() ? scaled + way : scaled);
}
