// Which known patch of a small picture looks most like another.
import type { Picture } from "../pictures.js";

/** Small pixels a side, that are compared. */
export const PATCH = 5;
const LENGTH = 3 * PATCH * PATCH; // bytes of a patch
const TOGETHER = 15; // bytes that are compared before it is seen whether a patch is out already

export type Corner = readonly [top: number, left: number];

/**
 * For each target the index of the known patch with the smallest sum of squared differences, the first of equals. Both
 * are corners of patches that lie inside; known: at least one.
 */
export function nearestPatches(small: Picture, targets: readonly Corner[], known: readonly Corner[]): number[] {
  const candidates = patchesAt(small, known);
  return targets.map((target) => nearest(patchesAt(small, [target]), candidates));
}

function patchesAt(small: Picture, corners: readonly Corner[]): Uint8Array {
  const patches = new Uint8Array(corners.length * LENGTH);
  let to = 0;
  for (const [top, left] of corners)
    for (let y = 0; y < PATCH; ++y, to += 3 * PATCH) {
      const from = 3 * ((top + y) * small.width + left);
      patches.set(small.data.subarray(from, from + 3 * PATCH), to);
    }
  return patches;
}

function nearest(asked: Uint8Array, candidates: Uint8Array): number {
  let [least, best] = [Infinity, 0];
  for (let start = 0; start < candidates.length; start += LENGTH) {
    let cost = 0;
    for (let some = 0; some < LENGTH && cost < least; some += TOGETHER)
      for (let i = some; i < some + TOGETHER; ++i) {
        const difference = asked[i]! - candidates[start + i]!;
        cost += difference * difference;
      }
    if (cost < least) [least, best] = [cost, start];
  }
  return best / LENGTH;
}
