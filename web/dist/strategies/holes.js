// The holes of a picture with the windows that they need, where those overlap as one. As holes.py of lama_deploy.
import { sizeOf } from "../pictures.js";
import { CELL, Cells, boxesOf, cellsOf, cellsUnder, connected, depths, pixelsUnder } from "./cells.js";
const CONTEXT = 0.5; // of a hole's thickness, that a window shows on each side of it
/**
 * margin: pixels of context at least. From the top to the bottom, those first that `isLarge` tells, which smaller ones
 * beside them need not join.
 */
export function findHoles(hole, margin, isLarge = () => false) {
    const size = sizeOf(hole);
    const cells = cellsOf(hole);
    const labels = connected(cells);
    const depth = depths(cells);
    const thickest = thicknesses(labels, depth);
    const windows = boxesOf(labels).map((cells, i) => {
        const box = pixelsUnder(cells, size);
        const context = marginOf(margin, thickest[i]);
        return box.grown([box.height + 2 * context, box.width + 2 * context], size);
    });
    const large = windows.map((window, i) => isLarge(window, thickest[i]));
    return [large, large.map((one) => !one)]
        .filter((chosen) => chosen.includes(true))
        .flatMap((chosen) => grouped(labels, depth, windows, chosen, margin, size));
}
/** Of the chosen holes, those together whose windows overlap. */
function grouped(labels, depth, windows, chosen, margin, size) {
    const groups = connected(painted(labels.cells, windows, chosen));
    const owners = new Cells(depth.height, depth.width);
    labels.cells.values.forEach((label, i) => {
        if (label && chosen[label - 1])
            owners.values[i] = groups.cells.values[i];
    });
    const owned = { cells: owners, count: groups.count };
    const [around, thickest] = [boxesOf(groups), thicknesses(owned, depth)];
    return boxesOf(owned).map((box, i) => ({
        box: pixelsUnder(box, size),
        window: pixelsUnder(around[i], size),
        thickness: thickest[i],
        margin: marginOf(margin, thickest[i]),
        owners,
        index: i + 1,
    }));
}
/** 1 where a window lies on a cell: its corners are noted, whose sums up to a cell count the windows over it. */
function painted(cells, windows, chosen) {
    const sums = new Cells(cells.height + 1, cells.width + 1);
    const over = new Cells(cells.height, cells.width);
    const add = (y, x, value) => (sums.values[y * sums.width + x] += value);
    windows.forEach((window, i) => {
        if (!chosen[i])
            return;
        const one = cellsUnder(window);
        add(one.top, one.left, 1), add(one.bottom, one.left, -1);
        add(one.top, one.right, -1), add(one.bottom, one.right, 1);
    });
    for (let y = 0; y < over.height; ++y)
        for (let x = 0, row = 0; x < over.width; ++x) {
            row += sums.at(y, x);
            sums.values[y * sums.width + x] = row + (y ? sums.at(y - 1, x) : 0);
            over.values[y * over.width + x] = sums.at(y, x) > 0 ? 1 : 0;
        }
    return over;
}
/** How many pixels each hole is across, where it is thickest. */
function thicknesses({ cells, count }, depth) {
    const largest = new Array(count + 1).fill(0);
    depth.values.forEach((one, i) => {
        const label = cells.values[i];
        largest[label] = Math.max(largest[label], 2 * CELL * one);
    });
    return largest.slice(1);
}
function marginOf(least, thickness) {
    return Math.max(least, Math.trunc(CONTEXT * thickness));
}
