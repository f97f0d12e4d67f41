// Painting on the photo with the tool that is chosen; while it is compared, moving what parts before from after.
import { brushSize } from "./brush.js";
import { clamp } from "./geometry.js";
import { Drawing } from "./tools.js";
export class Painter {
    easel;
    view;
    screen;
    tool = "brush";
    #drawing;
    #isDividing = false;
    constructor(easel, view, screen) {
        this.easel = easel;
        this.view = view;
        this.screen = screen;
    }
    get isDrawing() {
        return this.#drawing !== undefined;
    }
    start(at, otherEnd) {
        if (!this.easel.isFree)
            return;
        this.#isDividing = this.easel.isComparing;
        if (this.#isDividing)
            return this.#divide(at);
        const radius = brushSize() / 2 / this.view.scale;
        this.#drawing = new Drawing(this.tool, radius, otherEnd, this.view.toPicture(at));
        this.#show();
    }
    go(points) {
        if (this.#isDividing)
            return this.#divide(points.at(-1));
        if (!this.#drawing)
            return;
        this.#drawing.add(points.map((point) => this.view.toPicture(point)));
        this.#show();
    }
    end() {
        const shape = this.#drawing?.finished();
        this.cancel();
        if (shape && this.easel.isFree)
            this.easel.add(shape);
    }
    cancel() {
        this.#isDividing = false;
        this.#drawing = undefined;
        this.#show();
    }
    hover(at) {
        const brushes = this.tool === "brush" || this.tool === "eraser";
        const { isFree, isComparing } = this.easel;
        this.screen.placeRing(brushes && isFree && !isComparing ? at : undefined, brushSize());
    }
    #divide(at) {
        const { picture } = this.screen.scene;
        if (picture)
            this.easel.divide(clamp(this.view.toPicture(at).x / picture.width, 0, 1));
    }
    #show() {
        this.screen.scene.drawing = this.#drawing?.shape;
        this.screen.drawMarks();
    }
}
