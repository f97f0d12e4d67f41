// Which windows of a picture a model is given: by its holes, its size, the engine and the memory that there is. As
// plan.py of lama_deploy, with its words.
import { hasHole, sizeOf, sizeWords, type Hole, type Picture } from "../pictures.js";
import { product, type Size } from "../shapes.js";
import { cellsOf } from "./cells.js";
import { fillCrop, fillResized, fillTiles, fillWhole, type Filling } from "./fillings.js";
import { findHoles, type Region } from "./holes.js";
import type { StrategyOptions } from "./options.js";
import { bestSize, coresOf } from "./tiling.js";
import { Window, type Budget } from "./windows.js";

const SMALL = 2 ** 19; // pixels: a picture up to this is taken whole, as official code does
const WORTH_CROPPING = 0.6; // of a picture: windows that are more of it than this save little
const THIN = 3; // a hole that is so many times thinner than a window's side is filled at full resolution
const STEP = 8; // pixels: sides of what was made smaller are a multiple of it
const SHRINKING = 0.95;

const WHY = {
  small: "the picture is small",
  noGain: "windows around the holes would be most of the picture",
  holes: "the holes are small beside the picture",
  large: "a hole is too large for a window of the limit, so it is filled at a lower resolution",
  thin: "the holes are thin, or small and many, so that parts of them are filled one after the other",
  memory: "a window of the limit does not fit into memory or the engine",
  engine:
    "the engine takes nothing so large at once; export with a --profile or --size for such pictures to have them so",
  fits: "its longer side is within the limit already",
  empty: "there is no hole",
  asked: "it was asked for",
};

export type Why = keyof typeof WHY;
export type Kind = "crop" | "resize" | "tile";

/**
 * How one hole is filled. window: what the model sees of the picture; size: what it is given, smaller for "resize", a
 * tile's for "tile".
 */
export interface Step {
  readonly kind: Kind;
  readonly hole: Region;
  readonly window: Window;
  readonly size: Size;
}

export class Plan {
  /** steps: none where the picture is taken whole, and where there is no hole. */
  constructor(
    readonly size: Size,
    readonly steps: readonly Step[],
    readonly why: Why,
  ) {}

  /** canvas: is filled as they run; hole: which the plan is for. */
  fillings(canvas: Picture, hole: Hole): Filling[] {
    if (this.why === "empty") return [];
    return this.steps.length ? this.steps.map((step) => filling(step, canvas, hole)) : [fillWhole(canvas, hole)];
  }

  /** Of the engine. */
  get runs(): number {
    if (!this.steps.length) return this.why === "empty" ? 0 : 1;
    return this.steps.reduce((all, step) => all + runsOf(step), 0);
  }

  /** In words: "crop", or "crop and tile". */
  get kinds(): string {
    return [...new Set(this.steps.map((step) => step.kind))].sort().join(" and ") || "whole";
  }

  /** One line without numbers, the same for all pictures of a kind. */
  get text(): string {
    return `filled by ${this.kinds}, since ${WHY[this.why]}`;
  }

  /** What the model is given, in words. */
  get windows(): string {
    if (!this.steps.length) return sizeWords(this.size);
    const counts = new Map<string, number>(); // in the order of the steps
    for (const step of this.steps) {
      const what = `${sizeWords(step.size)} ${step.kind}`;
      counts.set(what, (counts.get(what) ?? 0) + 1);
    }
    const given = [...counts].map(([what, count]) => `${count} of ${what}`).join(", ");
    return `${given} in ${sizeWords(this.size)}`;
  }
}

export function planned(hole: Hole, options: StrategyOptions, budget: Budget): Plan {
  return hasHole(hole) ? new Planner(hole, options, budget).plan() : new Plan(sizeOf(hole), [], "empty");
}

function filling({ kind, hole: one, window, size }: Step, canvas: Picture, hole: Hole): Filling {
  if (kind === "resize") return fillResized(canvas, hole, one, window, size);
  return kind === "tile" ? fillTiles(canvas, hole, one, size) : fillCrop(canvas, hole, one, window);
}

function runsOf({ kind, hole, size }: Step): number {
  return kind === "tile" ? coresOf(hole, size).length : 1;
}

/** Of one picture with holes. */
class Planner {
  private readonly size: Size;
  private readonly picture: Window;

  constructor(
    private readonly hole: Hole,
    private readonly options: StrategyOptions,
    private readonly budget: Budget,
  ) {
    this.size = sizeOf(hole);
    this.picture = Window.of(hole);
  }

  plan(): Plan {
    const { strategy, limit } = this.options;
    const within = strategy === "resize" && Math.max(...this.size) <= limit;
    if (strategy === "whole" || within) return this.whole(within ? "fits" : "asked");
    if (strategy === "resize") return this.resized();
    if (strategy === "crop") return this.asked("crop", (one) => this.cropped(one));
    if (strategy === "tile") return this.asked("tile", (one) => this.tile(one));
    return this.chosenFreely();
  }

  private whole(why: Why): Plan {
    if (this.budget.takes(this.size)) return new Plan(this.size, [], why);
    const steps = findHoles(this.hole, this.options.margin).map((one) => this.tile(one));
    return new Plan(this.size, steps, "engine");
  }

  private resized(): Plan {
    const { picture, size } = this;
    const everything: Region = {
      box: picture,
      window: picture,
      thickness: Math.min(...size),
      margin: this.options.margin,
      owners: cellsOf(this.hole),
      index: 1,
    };
    return new Plan(size, [{ kind: "resize", hole: everything, window: picture, size: this.fitted(size) }], "asked");
  }

  private asked(kind: Kind, make: (one: Region) => Step): Plan {
    const steps = findHoles(this.hole, this.options.margin).map(make);
    return new Plan(this.size, steps, steps.every((step) => step.kind === kind) ? "asked" : "engine");
  }

  private chosenFreely(): Plan {
    const { budget, size } = this;
    if (this.picture.pixels <= SMALL && budget.holds(size)) return new Plan(size, [], "small");
    const isLarge = (window: Window, thickness: number) =>
      !(budget.holds(budget.rounded(window, size).size) || this.isThin(thickness));
    const steps = findHoles(this.hole, this.options.margin, isLarge).map((one) => this.chosen(one));
    return this.isNoGain(steps) ? new Plan(size, [], "noGain") : new Plan(size, steps, this.whyOf(steps));
  }

  private chosen(one: Region): Step {
    const step = this.crop(one);
    if (this.budget.holds(step.size)) return step;
    if (this.isThin(one.thickness)) return this.tile(one);
    return { kind: "resize", hole: one, window: one.window, size: this.fitted(one.window.size) };
  }

  /** At any limit and memory, but what the engine does not take is cut as "auto" does it. */
  private cropped(one: Region): Step {
    const step = this.crop(one);
    return this.budget.takes(step.size) ? step : this.chosen(one);
  }

  private crop(one: Region): Step {
    const window = this.budget.rounded(one.window, this.size);
    return { kind: "crop", hole: one, window, size: window.size };
  }

  private tile(one: Region): Step {
    const most = this.budget.tile();
    const size = bestSize(one, [Math.min(most[0], this.size[0]), Math.min(most[1], this.size[1])]);
    return { kind: "tile", hole: one, window: one.window, size };
  }

  private isThin(thickness: number): boolean {
    return thickness * THIN <= Math.min(...this.budget.tile());
  }

  /**
   * Whether the picture is taken whole in place of windows, because they would be as much, and it fits. A large picture
   * too, but for thick holes, which are filled better at a lower resolution.
   */
  private isNoGain(steps: readonly Step[]): boolean {
    const computed = steps.reduce((all, step) => all + runsOf(step) * product(step.size), 0);
    const { budget, picture, size } = this;
    if (budget.holds(size)) return computed > WORTH_CROPPING * picture.pixels;
    const fits = budget.takes(size) && picture.pixels <= budget.pixels;
    return fits && computed > picture.pixels && steps.every((step) => step.kind !== "resize");
  }

  /** The size, made as small as the budget wants it, with its proportions. */
  private fitted(size: Size): Size {
    const scaled = (scale: number): Size => [stepped(size[0] * scale), stepped(size[1] * scale)];
    const byMemory = Math.sqrt(this.budget.pixels / product(size));
    let scale = Math.min(1, this.budget.limit / Math.max(...size), byMemory);
    let found = scaled(scale);
    while (!this.budget.holds(found) && Math.max(...found) > STEP) found = scaled((scale *= SHRINKING));
    return found;
  }

  private whyOf(steps: readonly Step[]): Why {
    if (steps.every((step) => step.kind === "crop")) return "holes";
    if (!this.budget.holds([this.budget.limit, this.budget.limit])) return "memory";
    return steps.some((step) => step.kind === "resize") ? "large" : "thin";
  }
}

function stepped(side: number): number {
  return Math.max(STEP, Math.trunc(Math.trunc(side) / STEP) * STEP);
}
