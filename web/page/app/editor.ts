// One photo and what is done to it: marks, fills, back and forth.

import { type Engine, type Filled, Problem, type Progress, type Saved } from "./engine.js";
import type { Size } from "./geometry.js";
import { History, type Version } from "./history.js";
import { show, type Shown } from "./picture.js";
import { rasterise, type Shape } from "./shapes.js";

export class Editor {
  readonly #history: History;
  #saved: Version;
  #current: { version: Version; shown: Shown };

  private constructor(
    private readonly engine: Engine,
    readonly original: File,
    readonly before: Shown,
  ) {
    const version = { file: original, name: original.name };
    this.#history = new History({ version, shapes: [] });
    this.#saved = version;
    this.#current = { version, shown: before };
  }

  /** Raises Problem, or an AbortError. */
  static async open(engine: Engine, file: File, signal: AbortSignal): Promise<Editor> {
    engine.check(file, { width: 0, height: 0 });
    const shown = await show(file).catch(async () => show(await engine.readable(file, signal)));
    signal.throwIfAborted();
    engine.check(file, shown);
    engine.warm();
    return new Editor(engine, file, shown);
  }

  get size(): Size {
    return this.before;
  }

  get shown(): Shown {
    return this.#current.shown;
  }

  get shapes(): readonly Shape[] {
    return this.#history.current.shapes;
  }

  get canUndo(): boolean {
    return this.#history.canUndo;
  }

  get canRedo(): boolean {
    return this.#history.canRedo;
  }

  get isFilled(): boolean {
    return this.#history.current.version.file !== this.original;
  }

  /** Whether what is shown is the original, or a result that was downloaded. */
  get isSaved(): boolean {
    return !this.isFilled || this.#history.current.version === this.#saved;
  }

  add(shape: Shape): void {
    this.#setShapes([...this.shapes, shape]);
  }

  clear(): void {
    if (this.shapes.length) this.#setShapes([]);
  }

  async undo(): Promise<void> {
    this.#history.undo();
    await this.#showCurrent();
  }

  async redo(): Promise<void> {
    this.#history.redo();
    await this.#showCurrent();
  }

  /** Marks stay as they are where it fails. Raises Problem, or an AbortError. */
  async fill(model: string | undefined, signal: AbortSignal, progress: Progress): Promise<Filled> {
    const mask = rasterise(this.shapes, this.size);
    if (mask.isEmpty) throw new Problem("Nothing is marked yet: paint over what should go.");
    const { file, name } = this.#history.current.version;
    const filled = await this.engine.fill({ picture: file, name, mask, model, signal, progress });
    const version = { file: filled.picture, name: "picture.png" };
    const shown = await show(filled.picture);
    signal.throwIfAborted();
    const dropped = this.#history.push({ version, shapes: [] });
    this.#replace(version, shown);
    return dropped ? { ...filled, notes: [...filled.notes, "the oldest steps can no longer be undone"] } : filled;
  }

  /** The result in the original's format. Raises Problem, or an AbortError. */
  async save(signal: AbortSignal, progress: Progress): Promise<Saved> {
    const { version } = this.#history.current;
    const saved = await this.engine.save(version.file, this.original, signal, progress);
    this.#saved = version;
    return saved;
  }

  close(): void {
    this.#current.shown.bitmap.close();
    this.before.bitmap.close();
  }

  #setShapes(shapes: readonly Shape[]): void {
    this.#history.push({ version: this.#history.current.version, shapes });
  }

  async #showCurrent(): Promise<void> {
    const { version } = this.#history.current;
    if (version === this.#current.version) return;
    const shown = version.file === this.original ? this.before : await show(version.file);
    if (version === this.#history.current.version) this.#replace(version, shown); // else it went on meanwhile
  }

  #replace(version: Version, shown: Shown): void {
    if (this.shown !== this.before && this.shown !== shown) this.shown.bitmap.close();
    this.#current = { version, shown };
  }
}
