// A rectangle without a pointer: by arrow keys on the photo, or by numbers.
import { clamp } from "./geometry.js";
import { page } from "./page.js";
import { tell } from "./status.js";
const STEPS = 40; // that the picture's longer side has
const ARROWS = {
    ArrowLeft: [-1, 0],
    ArrowRight: [1, 0],
    ArrowUp: [0, -1],
    ArrowDown: [0, 1],
};
export class BoxFields {
    mark;
    changed;
    #picture = { width: 1, height: 1 };
    /** mark: takes the rectangle as one that was drawn. changed: the one on the fields is another. */
    constructor(mark, changed) {
        this.mark = mark;
        this.changed = changed;
        page.boxGroup.addEventListener("input", () => changed());
        page.boxGroup.addEventListener("submit", (event) => {
            event.preventDefault();
            this.#take(false);
        });
        page.boxErase.addEventListener("click", () => this.#take(true));
    }
    show(picture) {
        this.#picture = picture;
        const { x, y, width, height } = page.boxFields;
        x.max = String(picture.width - 1);
        y.max = String(picture.height - 1);
        width.max = String(picture.width);
        height.max = String(picture.height);
        this.clear();
    }
    clear() {
        for (const field of Object.values(page.boxFields))
            field.value = "";
        this.changed();
    }
    /** Nothing unless all four fields hold a number that they allow. */
    get box() {
        const fields = Object.values(page.boxFields);
        if (page.boxGroup.hidden || fields.some((field) => !field.value || !field.validity.valid))
            return undefined;
        const [x, y, width, height] = fields.map((field) => field.valueAsNumber);
        return { x, y, width, height };
    }
    /** Whether the key was one for the rectangle: arrows move it, with Shift they size it, with Alt by one pixel. */
    key(event) {
        const arrow = ARROWS[event.key];
        if (arrow)
            this.#move(arrow, event);
        else if (event.key === "Enter" && this.box && !event.ctrlKey && !event.metaKey)
            this.#take(event.shiftKey);
        else if (event.key === "Escape" && this.box)
            this.clear();
        else
            return false;
        return true;
    }
    #move([x, y], { shiftKey, altKey }) {
        const { width: across, height: down } = this.#picture;
        const step = altKey ? 1 : Math.max(1, Math.round(Math.max(across, down) / STEPS));
        const box = this.box;
        if (!box)
            return this.#put({ x: Math.round(across * 0.4), y: Math.round(down * 0.4), width: Math.ceil(across / 5), height: Math.ceil(down / 5) });
        const width = shiftKey ? clamp(box.width + x * step, 1, across - box.x) : box.width;
        const height = shiftKey ? clamp(box.height + y * step, 1, down - box.y) : box.height;
        const left = shiftKey ? box.x : clamp(box.x + x * step, 0, Math.max(0, across - width));
        const top = shiftKey ? box.y : clamp(box.y + y * step, 0, Math.max(0, down - height));
        this.#put({ x: left, y: top, width, height });
    }
    #put(box) {
        for (const name of ["x", "y", "width", "height"])
            page.boxFields[name].value = String(box[name]);
        tell(`Rectangle ${box.width} by ${box.height} at ${box.x}, ${box.y}`);
        this.changed();
    }
    #take(erase) {
        const box = this.box;
        if (!box) {
            page.boxGroup.reportValidity();
            return;
        }
        this.mark(box, erase);
        this.clear();
        tell(erase ? "Rectangle erased" : "Rectangle marked");
    }
}
