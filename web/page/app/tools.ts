// Tools make shapes of where the pointer goes.

import { distance, type Point } from "./geometry.js";
import type { Kind, Shape } from "./shapes.js";

export type Tool = "brush" | "eraser" | "box" | "lasso";

export const TOOLS: readonly Tool[] = ["brush", "eraser", "box", "lasso"];
const KINDS: Readonly<Record<Tool, Kind>> = { brush: "stroke", eraser: "stroke", box: "box", lasso: "lasso" };
const CLOSEST = 0.5; // pixels of the picture: points that are nearer to the last one tell nothing

/** One shape while it is drawn. */
export class Drawing {
  #points: Point[];

  /** radius: of the brush, in pixels of the picture. erase: by the pen's other end, whatever the tool. */
  constructor(
    private readonly tool: Tool,
    private readonly radius: number,
    private readonly erase: boolean,
    start: Point,
  ) {
    this.#points = [start];
  }

  add(points: readonly Point[]): void {
    if (this.tool === "box") this.#points = [this.#points[0]!, points.at(-1)!];
    else for (const point of points) if (distance(point, this.#points.at(-1)!) >= CLOSEST) this.#points.push(point);
  }

  get shape(): Shape {
    const { tool, radius, erase } = this;
    return { kind: KINDS[tool], erase: erase || tool === "eraser", radius, points: [...this.#points] };
  }

  /** Nothing for a box or outline that was only clicked. */
  finished(): Shape | undefined {
    const least = this.tool === "lasso" ? 3 : this.tool === "box" ? 2 : 1;
    return this.#points.length >= least ? this.shape : undefined;
  }
}
