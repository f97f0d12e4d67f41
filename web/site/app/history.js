// What was done, to go back and forth in: marks and fills alike.
const MOST_STATES = 500;
const MOST_BYTES = 512 * 2 ** 20; // of the pictures that are kept to go back to
export class History {
    #states;
    #at = 0;
    constructor(start) {
        this.#states = [start];
    }
    get current() {
        return this.#states[this.#at];
    }
    get canUndo() {
        return this.#at > 0;
    }
    get canRedo() {
        return this.#at < this.#states.length - 1;
    }
    /** What was undone is gone. Returns whether the oldest states had to go as well. */
    push(state) {
        this.#states.length = this.#at + 1;
        this.#states.push(state);
        const before = this.#states.length;
        while (this.#states.length > 1 && (this.#states.length > MOST_STATES || this.#bytes() > MOST_BYTES)) {
            this.#states.shift();
        }
        this.#at = this.#states.length - 1;
        return this.#states.length < before;
    }
    undo() {
        if (this.canUndo)
            this.#at -= 1;
    }
    redo() {
        if (this.canRedo)
            this.#at += 1;
    }
    #bytes() {
        const files = new Set(this.#states.map((state) => state.version.file));
        return [...files].reduce((sum, file) => sum + file.size, 0);
    }
}
