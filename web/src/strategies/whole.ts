// Pictures as they are, over any backend; what a backend cannot take so is mirrored or split. As whole.py of
// lama_deploy.
import { partOf, type Backend } from "../backend.js";
import { described, same, type Shape } from "../shapes.js";
import { runInParts } from "./parts.js";

const SPARED = 0.9; // of the memory that there is: the rest is for what happens beside

export type Tell = (level: "info" | "warning", line: string) => void;

/** Runs a backend at any shape. */
export class Whole {
  private readonly said = new Set<string>();

  constructor(
    private readonly backend: Backend,
    private readonly tell: Tell,
  ) {}

  /** Of all pictures of a run, that memory has room for now, with a little to spare; infinity where unknown. */
  mostPixels(): number {
    return SPARED * this.backend.mostPixels();
  }

  /** As Backend.run, with any number of pictures, and of any size up to what the backend takes. */
  async run(shape: Shape, images: Uint8Array, masks: Uint8Array): Promise<Uint8Array> {
    const part = partOf(this.backend.capabilities, shape);
    if (same(part, shape)) return this.backend.run(shape, images, masks);
    this.say(shape, part);
    const run = (...taken: [Shape, Uint8Array, Uint8Array]) => this.backend.run(...taken);
    return runInParts(run, shape, images, masks, part);
  }

  /** Once of each kind: many large photographs are no news with every one. */
  private say(shape: Shape, part: Shape): void {
    const sameSize = shape[1] === part[1] && shape[2] === part[2];
    const what = sameSize ? "the batch is filled up or split" : "the picture is mirrored at its edges";
    if (this.said.has(what)) return;
    this.said.add(what);
    this.tell(
      "warning",
      `the engine takes no ${words(shape)} at once (it has ${described(this.backend.capabilities.shapes)}): ${what}, in ` +
        `runs of ${words(part)}; export with a --profile or --size for such pictures to have them whole`,
    );
  }
}

function words([count, height, width]: Shape): string {
  return `${count} of ${height}x${width}`;
}
