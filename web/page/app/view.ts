// Where the picture lies on the stage: CSS pixels are pixels of the picture times scale, plus an offset.

import { clamp, type Point, type Size } from "./geometry.js";

const MOST = 40; // CSS pixels that a pixel of the picture takes at most
const VISIBLE = 48; // CSS pixels of the picture that stay on the stage

export class View {
  scale = 1;
  left = 0;
  top = 0;
  #picture: Size = { width: 1, height: 1 };
  #stage: Size = { width: 1, height: 1 };
  #fitted = true;

  show(picture: Size): void {
    this.#picture = picture;
    this.fit();
  }

  resize(stage: Size): void {
    this.#stage = stage;
    if (this.#fitted) this.fit();
    else this.#keepVisible();
  }

  fit(): void {
    const { width, height } = this.#picture;
    this.scale = this.#fitting();
    this.left = (this.#stage.width - width * this.scale) / 2;
    this.top = (this.#stage.height - height * this.scale) / 2;
    this.#fitted = true;
  }

  /** at: the point of the stage that stays where it is; its middle without one. */
  zoom(factor: number, at: Point = { x: this.#stage.width / 2, y: this.#stage.height / 2 }): void {
    const least = this.#fitting() / 2;
    const scale = clamp(this.scale * factor, least, Math.max(least, MOST));
    const kept = this.toPicture(at);
    this.scale = scale;
    this.left = at.x - kept.x * scale;
    this.top = at.y - kept.y * scale;
    this.#moved();
  }

  pan(x: number, y: number): void {
    this.left += x;
    this.top += y;
    this.#moved();
  }

  toPicture({ x, y }: Point): Point {
    return { x: (x - this.left) / this.scale, y: (y - this.top) / this.scale };
  }

  toStage({ x, y }: Point): Point {
    return { x: x * this.scale + this.left, y: y * this.scale + this.top };
  }

  #fitting(): number {
    const { width, height } = this.#stage;
    const margin = Math.min(width, height) > 500 ? 32 : 12;
    const fits = Math.min((width - margin) / this.#picture.width, (height - margin) / this.#picture.height);
    return clamp(fits, 0.001, 8);
  }

  #moved(): void {
    this.#fitted = false;
    this.#keepVisible();
  }

  #keepVisible(): void {
    const { width, height } = this.#picture;
    this.left = clamp(this.left, VISIBLE - width * this.scale, this.#stage.width - VISIBLE);
    this.top = clamp(this.top, VISIBLE - height * this.scale, this.#stage.height - VISIBLE);
  }
}
