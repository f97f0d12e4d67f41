// Painting on the photo with the tool that is chosen; while it is compared, moving what parts before from after.

import { brushSize } from "./brush.js";
import { clamp, type Point } from "./geometry.js";
import type { Painting } from "./gestures.js";
import type { Screen } from "./screen.js";
import type { Shape } from "./shapes.js";
import { Drawing, type Tool } from "./tools.js";
import type { View } from "./view.js";

/** What the painter asks and tells the page. */
export interface Easel {
  /** Whether there is a photo, and nothing going on. */
  readonly isFree: boolean;
  readonly isComparing: boolean;
  add(shape: Shape): void;
  /** to: a share of the photo's width. */
  divide(to: number): void;
}

export class Painter implements Painting {
  tool: Tool = "brush";
  #drawing: Drawing | undefined;
  #isDividing = false;

  constructor(
    private readonly easel: Easel,
    private readonly view: View,
    private readonly screen: Screen,
  ) {}

  get isDrawing(): boolean {
    return this.#drawing !== undefined;
  }

  start(at: Point, otherEnd: boolean): void {
    if (!this.easel.isFree) return;
    this.#isDividing = this.easel.isComparing;
    if (this.#isDividing) return this.#divide(at);
    const radius = brushSize() / 2 / this.view.scale;
    this.#drawing = new Drawing(this.tool, radius, otherEnd, this.view.toPicture(at));
    this.#show();
  }

  go(points: readonly Point[]): void {
    if (this.#isDividing) return this.#divide(points.at(-1)!);
    if (!this.#drawing) return;
    this.#drawing.add(points.map((point) => this.view.toPicture(point)));
    this.#show();
  }

  end(): void {
    const shape = this.#drawing?.finished();
    this.cancel();
    if (shape && this.easel.isFree) this.easel.add(shape);
  }

  cancel(): void {
    this.#isDividing = false;
    this.#drawing = undefined;
    this.#show();
  }

  hover(at: Point | undefined): void {
    const brushes = this.tool === "brush" || this.tool === "eraser";
    const { isFree, isComparing } = this.easel;
    this.screen.placeRing(brushes && isFree && !isComparing ? at : undefined, brushSize());
  }

  #divide(at: Point): void {
    const { picture } = this.screen.scene;
    if (picture) this.easel.divide(clamp(this.view.toPicture(at).x / picture.width, 0, 1));
  }

  #show(): void {
    this.screen.scene.drawing = this.#drawing?.shape;
    this.screen.drawMarks();
  }
}
