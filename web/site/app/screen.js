// The stage: the picture on one canvas, the marks on another above it, so that painting redraws marks alone.
import { boxBetween, clamp } from "./geometry.js";
const MARK = "#f0276b"; // the style sheet makes the canvas of marks half transparent
const CHECKER = 8; // CSS pixels
const SHARP_FROM = 3; // CSS pixels of a pixel from which on it is shown as a square
export class Screen {
    ring;
    view;
    scene = { shapes: [] };
    #picture;
    #marks;
    #finished = document.createElement("canvas").getContext("2d"); // marks that are not being drawn any more
    #finishedOf = "";
    #finishedShapes;
    #stale = false;
    #pictureStale = false;
    #size = { width: 1, height: 1 };
    constructor(pictureCanvas, marksCanvas, ring, view) {
        this.ring = ring;
        this.view = view;
        this.#picture = pictureCanvas.getContext("2d");
        this.#marks = marksCanvas.getContext("2d");
    }
    resize(size) {
        this.#size = size;
        const canvases = [this.#picture.canvas, this.#marks.canvas, this.#finished.canvas];
        for (const canvas of canvases) {
            canvas.width = Math.round(size.width * devicePixelRatio);
            canvas.height = Math.round(size.height * devicePixelRatio);
        }
        this.#finishedOf = "";
        this.draw();
    }
    /** At the next frame, everything. */
    draw() {
        this.#pictureStale = true;
        this.drawMarks();
    }
    /** At the next frame, marks alone. */
    drawMarks() {
        if (this.#stale)
            return;
        this.#stale = true;
        requestAnimationFrame(() => {
            if (this.#pictureStale)
                this.#drawPicture();
            this.#drawMarks();
            this.#stale = this.#pictureStale = false;
        });
    }
    /** The brush where the pointer is; none without a place. */
    placeRing(at, diameter) {
        this.ring.hidden = at === undefined;
        if (!at)
            return;
        this.ring.style.width = this.ring.style.height = `${diameter}px`;
        this.ring.style.transform = `translate(${at.x - diameter / 2}px, ${at.y - diameter / 2}px)`;
    }
    #drawPicture() {
        const { picture, before, divider } = this.scene;
        const context = this.#picture;
        clear(context);
        if (!picture)
            return;
        context.save();
        const { scale, left, top } = this.view;
        context.scale(devicePixelRatio, devicePixelRatio);
        checker(context, { x: left, y: top, width: picture.width * scale, height: picture.height * scale }, this.#size);
        context.translate(left, top);
        context.scale(scale, scale);
        context.imageSmoothingEnabled = scale < SHARP_FROM;
        context.imageSmoothingQuality = "high";
        context.drawImage(picture.bitmap, 0, 0, picture.width, picture.height);
        if (before && divider !== undefined)
            this.#drawBefore(context, before, divider * picture.width);
        context.restore();
    }
    #drawBefore(context, before, x) {
        context.save();
        context.beginPath();
        context.rect(0, 0, x, before.height);
        context.clip();
        context.drawImage(before.bitmap, 0, 0, before.width, before.height);
        context.restore();
        this.#drawDivider(context, x, before.height);
    }
    /** A line with a handle, where the picture's middle or the stage's is. */
    #drawDivider(context, x, height) {
        const pixel = 1 / this.view.scale;
        const middle = clamp(this.view.toPicture({ x: 0, y: this.#size.height / 2 }).y, 0, height);
        context.shadowColor = "#0009";
        context.shadowBlur = 4 * devicePixelRatio;
        context.fillStyle = context.strokeStyle = "#fff";
        context.fillRect(x - pixel, 0, 2 * pixel, height);
        context.beginPath();
        context.arc(x, middle, 16 * pixel, 0, 2 * Math.PI);
        context.fill();
        context.shadowColor = "transparent";
        context.strokeStyle = "#333";
        context.lineWidth = 2 * pixel;
        for (const side of [-1, 1]) {
            context.beginPath();
            context.moveTo(x + side * 5 * pixel, middle - 5 * pixel);
            context.lineTo(x + side * 10 * pixel, middle);
            context.lineTo(x + side * 5 * pixel, middle + 5 * pixel);
            context.stroke();
        }
    }
    #drawMarks() {
        const { shapes, drawing, outline, divider } = this.scene;
        const context = this.#marks;
        clear(context);
        if (divider !== undefined)
            return; // what is compared is not covered
        this.#drawFinished(shapes);
        context.drawImage(this.#finished.canvas, 0, 0);
        this.#onPicture(context, () => {
            if (drawing)
                paint(context, drawing);
            if (outline)
                this.#drawOutline(context, outline);
        });
    }
    /** Again only after a change of shapes or view. */
    #drawFinished(shapes) {
        const { scale, left, top } = this.view;
        const key = `${scale} ${left} ${top}`;
        if (this.#finishedShapes === shapes && this.#finishedOf === key)
            return;
        this.#finishedShapes = shapes;
        this.#finishedOf = key;
        clear(this.#finished);
        this.#onPicture(this.#finished, () => {
            for (const shape of shapes)
                paint(this.#finished, shape);
        });
    }
    #drawOutline(context, { x, y, width, height }) {
        const pixel = 1 / this.view.scale;
        context.globalAlpha = 0.4;
        context.fillRect(x, y, width, height);
        context.globalAlpha = 1;
        context.lineWidth = 3 * pixel;
        context.strokeStyle = "#fff";
        context.strokeRect(x, y, width, height);
        context.strokeStyle = "#000";
        context.setLineDash([8 * pixel, 6 * pixel]);
        context.strokeRect(x, y, width, height);
    }
    #onPicture(context, draw) {
        const { picture } = this.scene;
        if (!picture)
            return;
        context.save();
        context.scale(devicePixelRatio, devicePixelRatio);
        context.translate(this.view.left, this.view.top);
        context.scale(this.view.scale, this.view.scale);
        context.beginPath();
        context.rect(0, 0, picture.width, picture.height);
        context.clip();
        context.fillStyle = context.strokeStyle = MARK;
        draw();
        context.restore();
    }
}
function paint(context, { kind, erase, radius, points }) {
    context.globalCompositeOperation = erase ? "destination-out" : "source-over";
    context.beginPath();
    if (kind === "box") {
        const { x, y, width, height } = boxBetween(points[0], points.at(-1));
        context.fillRect(x, y, width, height);
    }
    else {
        const [first, ...others] = points;
        context.moveTo(first.x, first.y);
        if (!others.length)
            context.lineTo(first.x, first.y);
        for (const { x, y } of others)
            context.lineTo(x, y);
        if (kind === "lasso")
            context.fill();
        else {
            context.lineCap = context.lineJoin = "round";
            context.lineWidth = 2 * radius;
            context.stroke();
        }
    }
    context.globalCompositeOperation = "source-over";
}
function clear(context) {
    context.clearRect(0, 0, context.canvas.width, context.canvas.height);
}
/** What lies behind see-through pixels. */
function checker(context, { x, y, width, height }, stage) {
    context.save();
    context.beginPath();
    context.rect(x + 1, y + 1, width - 2, height - 2); // or it shows at edges between two pixels
    context.clip();
    context.fillStyle = "#fff";
    context.fillRect(0, 0, stage.width, stage.height);
    context.fillStyle = "#ddd";
    for (let row = 0; row * CHECKER < stage.height; row++) {
        for (let column = row % 2; column * CHECKER < stage.width; column += 2) {
            context.fillRect(column * CHECKER, row * CHECKER, CHECKER, CHECKER);
        }
    }
    context.restore();
}
