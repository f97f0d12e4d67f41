// One photo and what is done to it: marks, fills, back and forth.
import { Problem } from "./engine.js";
import { History } from "./history.js";
import { show } from "./picture.js";
import { rasterise } from "./shapes.js";
export class Editor {
    engine;
    original;
    before;
    #history;
    #saved;
    #current;
    constructor(engine, original, before) {
        this.engine = engine;
        this.original = original;
        this.before = before;
        const version = { file: original, name: original.name };
        this.#history = new History({ version, shapes: [] });
        this.#saved = version;
        this.#current = { version, shown: before };
    }
    /** Raises Problem, or an AbortError. */
    static async open(engine, file, signal) {
        engine.check(file, { width: 0, height: 0 });
        const shown = await show(file).catch(async () => show(await engine.readable(file, signal)));
        signal.throwIfAborted();
        engine.check(file, shown);
        engine.warm();
        return new Editor(engine, file, shown);
    }
    get size() {
        return this.before;
    }
    get shown() {
        return this.#current.shown;
    }
    get shapes() {
        return this.#history.current.shapes;
    }
    get canUndo() {
        return this.#history.canUndo;
    }
    get canRedo() {
        return this.#history.canRedo;
    }
    get isFilled() {
        return this.#history.current.version.file !== this.original;
    }
    /** Whether what is shown is the original, or a result that was downloaded. */
    get isSaved() {
        return !this.isFilled || this.#history.current.version === this.#saved;
    }
    add(shape) {
        this.#setShapes([...this.shapes, shape]);
    }
    clear() {
        if (this.shapes.length)
            this.#setShapes([]);
    }
    async undo() {
        this.#history.undo();
        await this.#showCurrent();
    }
    async redo() {
        this.#history.redo();
        await this.#showCurrent();
    }
    /** Marks stay as they are where it fails. Raises Problem, or an AbortError. */
    async fill(model, signal, progress) {
        const mask = rasterise(this.shapes, this.size);
        if (mask.isEmpty)
            throw new Problem("Nothing is marked yet: paint over what should go.");
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
    async save(signal, progress) {
        const { version } = this.#history.current;
        const saved = await this.engine.save(version.file, this.original, signal, progress);
        this.#saved = version;
        return saved;
    }
    close() {
        this.#current.shown.bitmap.close();
        this.before.bitmap.close();
    }
    #setShapes(shapes) {
        this.#history.push({ version: this.#history.current.version, shapes });
    }
    async #showCurrent() {
        const { version } = this.#history.current;
        if (version === this.#current.version)
            return;
        const shown = version.file === this.original ? this.before : await show(version.file);
        if (version === this.#history.current.version)
            this.#replace(version, shown); // else it went on meanwhile
    }
    #replace(version, shown) {
        if (this.shown !== this.before && this.shown !== shown)
            this.shown.bitmap.close();
        this.#current = { version, shown };
    }
}
