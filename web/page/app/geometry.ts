// Points and boxes, in pixels of the picture as it is shown or in CSS pixels of the stage; the names say which.

export interface Point {
  readonly x: number;
  readonly y: number;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export interface Box extends Point, Size {}

/** Whole pixels between two corners, at least one each way, in any order. */
export function boxBetween(one: Point, other: Point): Box {
  const x = Math.round(Math.min(one.x, other.x));
  const y = Math.round(Math.min(one.y, other.y));
  const width = Math.max(1, Math.round(Math.max(one.x, other.x)) - x);
  const height = Math.max(1, Math.round(Math.max(one.y, other.y)) - y);
  return { x, y, width, height };
}

export function clamp(value: number, least: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

export function distance(one: Point, other: Point): number {
  return Math.hypot(one.x - other.x, one.y - other.y);
}

export function between(one: Point, other: Point): Point {
  return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2 };
}
