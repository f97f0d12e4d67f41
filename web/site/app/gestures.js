// Mouse, pen and fingers: one paints, two move and zoom; the wheel zooms; the middle button or the space bar pans.
import { between, distance } from "./geometry.js";
const PEN_ERASER = 32; // of PointerEvent.buttons
const ZOOM_OF_WHEEL = 0.0016; // of a CSS pixel that the wheel turns
const LINE = 32; // CSS pixels, where a wheel counts lines
export class Gestures {
    stage;
    view;
    painting;
    moved;
    #pointers = new Map();
    #mode = "none";
    #space = false;
    constructor(stage, view, painting, moved) {
        this.stage = stage;
        this.view = view;
        this.painting = painting;
        this.moved = moved;
        stage.addEventListener("pointerdown", (event) => this.#down(event));
        stage.addEventListener("pointermove", (event) => this.#move(event));
        stage.addEventListener("pointerup", (event) => this.#up(event));
        stage.addEventListener("pointercancel", (event) => this.#up(event));
        stage.addEventListener("pointerleave", () => painting.hover(undefined));
        stage.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
        stage.addEventListener("keydown", (event) => this.#holdSpace(event));
        document.addEventListener("keyup", (event) => this.#releaseSpace(event));
    }
    #down(event) {
        if (event.target instanceof Element && event.target.closest("button, input, label, a"))
            return;
        this.stage.setPointerCapture(event.pointerId);
        this.stage.focus({ preventScroll: true });
        event.preventDefault();
        const at = this.#at(event);
        this.#pointers.set(event.pointerId, at);
        if (this.#pointers.size === 2) {
            if (this.#mode === "paint")
                this.painting.cancel();
            this.#mode = "pinch";
        }
        else if (this.#pointers.size === 1) {
            this.#mode = event.button === 1 || this.#space ? "pan" : event.button === 0 || event.buttons & PEN_ERASER ? "paint" : "none";
            if (this.#mode === "paint")
                this.painting.start(at, Boolean(event.buttons & PEN_ERASER));
        }
    }
    #move(event) {
        const at = this.#at(event);
        if (event.pointerType !== "touch")
            this.painting.hover(at);
        const before = this.#pointers.get(event.pointerId);
        if (!before)
            return;
        if (this.#mode === "paint") {
            const events = event.getCoalescedEvents();
            this.painting.go(events.length ? events.map((one) => this.#at(one)) : [at]);
        }
        else if (this.#mode === "pan") {
            this.view.pan(at.x - before.x, at.y - before.y);
            this.moved();
        }
        else if (this.#mode === "pinch")
            this.#pinch(event.pointerId, before, at);
        this.#pointers.set(event.pointerId, at);
    }
    #pinch(id, before, at) {
        const other = [...this.#pointers].find(([one]) => one !== id)?.[1];
        if (!other)
            return;
        const [from, to] = [between(before, other), between(at, other)];
        this.view.pan(to.x - from.x, to.y - from.y);
        this.view.zoom(Math.max(distance(at, other), 1) / Math.max(distance(before, other), 1), to);
        this.moved();
    }
    #up(event) {
        if (!this.#pointers.delete(event.pointerId))
            return;
        if (this.#mode === "paint") {
            if (event.type === "pointercancel")
                this.painting.cancel();
            else
                this.painting.end();
        }
        if (this.#mode !== "pinch" || this.#pointers.size === 0)
            this.#mode = "none"; // a finger that stays does not paint
    }
    #wheel(event) {
        event.preventDefault();
        const pixels = event.deltaY * (event.deltaMode === WheelEvent.DOM_DELTA_PIXEL ? 1 : LINE);
        const faster = event.ctrlKey ? 6 : 1; // so trackpads tell that two fingers spread
        this.view.zoom(Math.exp(-pixels * ZOOM_OF_WHEEL * faster), this.#at(event));
        this.moved();
        this.painting.hover(this.#at(event));
    }
    #holdSpace(event) {
        if (event.key !== " ")
            return;
        event.preventDefault();
        this.#space = true;
        this.stage.classList.add("panning");
    }
    #releaseSpace(event) {
        if (event.key !== " ")
            return;
        this.#space = false;
        this.stage.classList.remove("panning");
    }
    #at({ clientX, clientY }) {
        const { left, top } = this.stage.getBoundingClientRect();
        return { x: clientX - left, y: clientY - top };
    }
}
