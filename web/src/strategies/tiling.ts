// Tiles over a hole: how large they are, which parts of it each of them fills. As tiling.py of lama_deploy.
import { dividedUp, product, type Size } from "../shapes.js";
import { Cells, cellsUnder } from "./cells.js";
import type { Region } from "./holes.js";
import { Window, up } from "./windows.js";

const SMALLEST = 256; // pixels a side, where memory and engine leave the choice
const STEP = 1.5; // from one size that is considered to the next

/** The parts that tiles of `size` fill: evenly over the hole's box, without those that have none. */
export function coresOf(hole: Region, size: Size): Window[] {
  return coresBy(countsOf(hole), hole, size);
}

/**
 * Of the sizes up to `most` that show as much beside the hole as it is thick, the one that costs the fewest pixels.
 *
 * Lines want small tiles, specks all over a picture large ones, whose borders are a smaller part of them.
 */
export function bestSize(hole: Region, most: Size): Size {
  const within = (side: number): Size => [Math.min(side, most[0]), Math.min(side, most[1])];
  const least = Math.max(SMALLEST, up(3 * hole.thickness));
  const sizes: Size[] = [within(least), most];
  for (let side = least * STEP; side < Math.max(...most); side *= STEP) sizes.push(within(up(Math.trunc(side))));
  sizes.sort((one, other) => one[0] - other[0] || one[1] - other[1]);
  const counts = countsOf(hole);
  const costs = sizes.map((size) => coresBy(counts, hole, size).length * product(size));
  return sizes[costs.indexOf(Math.min(...costs))]!; // the first of equals
}

function coresBy(counts: Cells, hole: Region, size: Size): Window[] {
  // What a tile shows at each edge and does not fill: as much as the hole wants around it, a fourth at most.
  const border = Math.min(hole.margin, Math.trunc(Math.min(...size) / 4));
  const { box } = hole;
  const cells = cellsUnder(box);
  const rows = edgesOf(box.top, box.height, size[0] - 2 * border);
  const columns = edgesOf(box.left, box.width, size[1] - 2 * border);
  const cores: Window[] = [];
  for (let y = 0; y + 1 < rows.length; ++y)
    for (let x = 0; x + 1 < columns.length; ++x) {
      const core = new Window(rows[y]!, columns[x]!, rows[y + 1]! - rows[y]!, columns[x + 1]! - columns[x]!);
      if (hasCells(counts, cellsUnder(core).within(cells))) cores.push(core);
    }
  return cores;
}

/** How many cells are the hole's own, up to each row and column of its box. */
function countsOf(hole: Region): Cells {
  const box = cellsUnder(hole.box);
  const counts = new Cells(box.height + 1, box.width + 1);
  for (let y = 0; y < box.height; ++y)
    for (let x = 0, row = 0; x < box.width; ++x) {
      row += hole.owners.at(box.top + y, box.left + x) === hole.index ? 1 : 0;
      counts.values[(y + 1) * counts.width + x + 1] = counts.at(y, x + 1) + row;
    }
  return counts;
}

function hasCells(counts: Cells, { top, left, bottom, right }: Window): boolean {
  return counts.at(bottom, right) - counts.at(top, right) - counts.at(bottom, left) + counts.at(top, left) > 0;
}

/** Where parts of at most so much begin, and the last one ends. */
function edgesOf(start: number, length: number, most: number): number[] {
  const count = dividedUp(length, Math.max(1, most));
  return Array.from({ length: count + 1 }, (_, i) => start + Math.trunc((i * length) / count));
}
