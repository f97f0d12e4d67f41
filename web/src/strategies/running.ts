// Drives fillings: windows of equal size run together, whichever holes and pictures they belong to. As running.py of
// lama_deploy, but that the first failure ends all of it.
import { LamaError } from "../errors.js";
import { copyColours, copyHole, type Picture } from "../pictures.js";
import { product, same, type Shape, type Size } from "../shapes.js";
import type { Filling, Request } from "./fillings.js";
import type { Run } from "./parts.js";
import { checkFilled } from "./results.js";

/** Of requests of one size, at least one, the pictures filled. Throws LamaError. */
export async function runTogether(run: Run, requests: readonly Request[]): Promise<Picture[]> {
  const [height, width] = requests[0]!.imagePlace.size;
  const shape: Shape = [requests.length, height, width];
  const [images, masks] = stacked(requests, height * width);
  const results = await run(shape, images, masks);
  checkFilled(shape, results, images, masks);
  const each = 3 * height * width;
  return requests.map((_, i) => ({ data: results.subarray(i * each, (i + 1) * each), height, width, channels: 3 }));
}

/**
 * together: how many windows of a size run as one batch; where they fail together they run one by one. computed: is
 * told after each run how many windows it was. What it throws ends the work, as does what `run` throws for one window
 * alone.
 */
export async function runFillings(
  run: Run,
  fillings: readonly Filling[],
  together: (size: Size) => number,
  computed: (count: number) => Promise<void>,
): Promise<void> {
  const asked = new Map<Filling, Request>(); // in the order of the fillings
  const ask = (filling: Filling, next: IteratorResult<Request, void>) =>
    next.done ? asked.delete(filling) : asked.set(filling, next.value);
  for (const filling of fillings) ask(filling, filling.next());
  while (asked.size) {
    const all = [...asked];
    const size = all[0]![1].imagePlace.size;
    const some = all.filter(([, request]) => same(request.imagePlace.size, size)).slice(0, Math.max(1, together(size)));
    for await (const answers of answered(run, some.map(([, request]) => request))) {
      await computed(answers.length);
      for (const answer of answers) {
        const [filling] = some.shift()!;
        ask(filling, filling.next(answer));
      }
    }
  }
}

/** All at once; one by one where they fail together: it may be for memory, or one of them alone. */
async function* answered(run: Run, requests: readonly Request[]): AsyncGenerator<Picture[]> {
  let failure: unknown;
  if (requests.length > 1) {
    const answers = await runTogether(run, requests).catch((error) => void (failure = error));
    if (answers) return yield answers;
    if (!(failure instanceof LamaError)) throw failure;
  }
  for (const one of requests) yield await runTogether(run, [one]);
}

/** What is the whole of a picture already is not copied. */
function stacked(requests: readonly Request[], pixels: number): [Uint8Array, Uint8Array] {
  const [only] = requests;
  const images =
    requests.length === 1 && product(only!.imagePlace.size) * 3 === only!.image.data.length
      ? only!.image.data
      : new Uint8Array(3 * pixels * requests.length);
  const masks =
    requests.length === 1 && pixels === only!.hole.data.length ? only!.hole.data : new Uint8Array(pixels * requests.length);
  requests.forEach((one, i) => {
    if (images !== one.image.data) copyColours(one.image, one.imagePlace, images, 3 * pixels * i);
    if (masks !== one.hole.data) copyHole(one.hole, one.holePlace, masks, pixels * i);
  });
  return [images, masks];
}
