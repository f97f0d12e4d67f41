// What was done, to go back and forth in: marks and fills alike.

import type { Shape } from "./shapes.js";

/** The picture after a number of fills. file: as the engine takes it, the original or a PNG without loss. */
export interface Version {
  readonly file: Blob;
  readonly name: string;
}

export interface State {
  readonly version: Version;
  readonly shapes: readonly Shape[];
}

const MOST_STATES = 500;
const MOST_BYTES = 512 * 2 ** 20; // of the pictures that are kept to go back to

export class History {
  #states: State[];
  #at = 0;

  constructor(start: State) {
    this.#states = [start];
  }

  get current(): State {
    return this.#states[this.#at]!;
  }

  get canUndo(): boolean {
    return this.#at > 0;
  }

  get canRedo(): boolean {
    return this.#at < this.#states.length - 1;
  }

  /** What was undone is gone. Returns whether the oldest states had to go as well. */
  push(state: State): boolean {
    this.#states.length = this.#at + 1;
    this.#states.push(state);
    const before = this.#states.length;
    while (this.#states.length > 1 && (this.#states.length > MOST_STATES || this.#bytes() > MOST_BYTES)) {
      this.#states.shift();
    }
    this.#at = this.#states.length - 1;
    return this.#states.length < before;
  }

  undo(): void {
    if (this.canUndo) this.#at -= 1;
  }

  redo(): void {
    if (this.canRedo) this.#at += 1;
  }

  #bytes(): number {
    const files = new Set(this.#states.map((state) => state.version.file));
    return [...files].reduce((sum, file) => sum + file.size, 0);
  }
}
