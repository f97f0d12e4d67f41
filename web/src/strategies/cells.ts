// Holes on a grid of cells, 8 pixels a side: which belong together, and how thick they are. As cells.py of lama_deploy.
import type { Hole } from "../pictures.js";
import { dividedUp, type Size } from "../shapes.js";
import { Window } from "./windows.js";

/** Pixels a side. */
export const CELL = 8;

/** A value for each cell of a picture, row by row. */
export class Cells {
  readonly values: Int32Array;

  constructor(
    readonly height: number,
    readonly width: number,
  ) {
    this.values = new Int32Array(height * width);
  }

  at(y: number, x: number): number {
    return this.values[y * this.width + x]!;
  }
}

export interface Labels {
  readonly cells: Cells;
  readonly count: number;
}

/** 1 for cells with a hole pixel, else 0. */
export function cellsOf(hole: Hole): Cells {
  const cells = new Cells(dividedUp(hole.height, CELL), dividedUp(hole.width, CELL));
  const { data, width } = hole;
  for (let y = 0, i = 0; y < hole.height; ++y) {
    const row = Math.trunc(y / CELL) * cells.width;
    for (let x = 0; x < width; ++x, ++i) if (data[i]) cells.values[row + (x >> 3)] = 1;
  }
  return cells;
}

/** Cells that a window touches, as a window of them. */
export function cellsUnder(pixels: Window): Window {
  const [top, left] = [Math.trunc(pixels.top / CELL), Math.trunc(pixels.left / CELL)];
  return new Window(top, left, dividedUp(pixels.bottom, CELL) - top, dividedUp(pixels.right, CELL) - left);
}

/** The pixels that a window of cells covers, in a picture of this size. */
export function pixelsUnder(cells: Window, [height, width]: Size): Window {
  const [top, left] = [cells.top * CELL, cells.left * CELL];
  return new Window(top, left, Math.min(cells.bottom * CELL, height) - top, Math.min(cells.right * CELL, width) - left);
}

/**
 * Labels 1, 2, ... for cells above 0 that touch at a side or a corner, in the order of their first cells, from the top
 * row; 0 for the others.
 */
export function connected(cells: Cells): Labels {
  const labels = new Cells(cells.height, cells.width);
  let count = 0;
  for (let i = 0; i < cells.values.length; ++i)
    if (cells.values[i]! > 0 && !labels.values[i]) spread(cells, labels, i, ++count);
  return { cells: labels, count };
}

/**
 * How many king's moves each cell above 0 is from the nearest that is 0. Beyond the picture nothing is known. All above
 * 0: one more than the longer side.
 */
export function depths(cells: Cells): Cells {
  // A king's shortest way never leaves the picture, and goes only down and then only up, or the other way: so two
  // passes find it, down with what lies above and left, up with the rest.
  const { height, width } = cells;
  const allHole = Math.max(height, width) + 1;
  const depth = new Cells(height, width);
  cells.values.forEach((value, i) => (depth.values[i] = value > 0 ? allHole : 0));
  for (let y = 0; y < height; ++y) for (let x = 0; x < width; ++x) byNeighbours(depth, y, x);
  for (let y = height - 1; y >= 0; --y) for (let x = width - 1; x >= 0; --x) byNeighbours(depth, y, x);
  return depth;
}

/** Around each of the labels, in cells; each of them is there. */
export function boxesOf({ cells, count }: Labels): Window[] {
  const edges = Array.from({ length: count }, () => [Infinity, Infinity, 0, 0] as [number, number, number, number]);
  for (let y = 0, i = 0; y < cells.height; ++y)
    for (let x = 0; x < cells.width; ++x, ++i) {
      const label = cells.values[i]!;
      if (!label) continue;
      const box = edges[label - 1]!;
      box[0] = Math.min(box[0], y);
      box[1] = Math.min(box[1], x);
      box[2] = Math.max(box[2], y + 1);
      box[3] = Math.max(box[3], x + 1);
    }
  return edges.map(([top, left, bottom, right]) => new Window(top, left, bottom - top, right - left));
}

/** Gives the label to the cell and to all that touch it. */
function spread(cells: Cells, labels: Cells, first: number, label: number): void {
  const { height, width } = cells;
  labels.values[first] = label;
  const left = [first];
  for (let place = left.pop(); place !== undefined; place = left.pop()) {
    const [y, x] = [Math.trunc(place / width), place % width];
    for (let row = Math.max(0, y - 1); row < Math.min(height, y + 2); ++row)
      for (let column = Math.max(0, x - 1); column < Math.min(width, x + 2); ++column) {
        const near = row * width + column;
        if (cells.values[near]! <= 0 || labels.values[near]) continue;
        labels.values[near] = label;
        left.push(near);
      }
  }
}

/** Lowers the depth of a cell to what its neighbours have so far. */
function byNeighbours(depth: Cells, y: number, x: number): void {
  const { height, width, values } = depth;
  let least = values[y * width + x]!;
  if (!least) return;
  for (let row = Math.max(0, y - 1); row < Math.min(height, y + 2); ++row)
    for (let column = Math.max(0, x - 1); column < Math.min(width, x + 2); ++column)
      least = Math.min(least, values[row * width + column]! + 1);
  values[y * width + x] = least;
}
