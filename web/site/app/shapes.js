// What is painted, as it was drawn: strokes, boxes and outlines, each of which marks the hole or erases from it.
// They become pixels at the picture's full size only when they are sent, and by this arithmetic alone, so that the
// same strokes are the same mask in every browser.
import { boxBetween } from "./geometry.js";
import { Mask } from "./mask.js";
/** In the order in which they were drawn. A pixel belongs to a shape in which its centre lies. */
export function rasterise(shapes, { width, height }) {
    const mask = new Mask(width, height);
    for (const shape of shapes) {
        const set = (y, from, to) => mask.set(y, from, to, !shape.erase);
        if (shape.kind === "stroke")
            fillStroke(shape, height, set);
        else if (shape.kind === "box")
            fillBox(shape, height, set);
        else
            fillLasso(shape, height, set);
    }
    return mask;
}
function fillBox({ points }, height, set) {
    const box = boxBetween(points[0], points.at(-1));
    const end = Math.min(box.y + box.height, height);
    for (let y = Math.max(box.y, 0); y < end; y++)
        set(y, box.x, box.x + box.width);
}
function fillStroke({ points, radius }, height, set) {
    points.forEach((point, i) => fillCapsule(points[i - 1] ?? point, point, radius, height, set));
}
/** What is at most radius from the line between two points: convex, hence one run of pixels a row. */
function fillCapsule(a, b, radius, height, set) {
    const first = Math.max(0, Math.ceil(Math.min(a.y, b.y) - radius - 0.5));
    const last = Math.min(height - 1, Math.floor(Math.max(a.y, b.y) + radius - 0.5));
    const sides = sidesOf(a, b, radius);
    for (let y = first; y <= last; y++) {
        const centre = y + 0.5;
        const edges = [];
        for (const end of [a, b]) {
            const square = radius * radius - (centre - end.y) ** 2;
            if (square >= 0)
                edges.push(end.x - Math.sqrt(square), end.x + Math.sqrt(square));
        }
        for (const [from, to] of sides) {
            if (from.y !== to.y && (centre - from.y) * (centre - to.y) <= 0)
                edges.push(crossing(from, to, centre));
        }
        if (edges.length)
            set(y, Math.ceil(Math.min(...edges) - 0.5), Math.floor(Math.max(...edges) - 0.5) + 1);
    }
}
function sidesOf(a, b, radius) {
    const length = Math.hypot(b.x - a.x, b.y - a.y);
    if (length === 0)
        return [];
    const x = ((a.y - b.y) / length) * radius;
    const y = ((b.x - a.x) / length) * radius;
    return [1, -1].map((side) => [
        { x: a.x + side * x, y: a.y + side * y },
        { x: b.x + side * x, y: b.y + side * y },
    ]);
}
/** By the nonzero rule, as the screen shows it: what an outline goes round twice is inside too. */
function fillLasso({ points }, height, set) {
    const ys = points.map((point) => point.y);
    const first = Math.max(0, Math.ceil(ys.reduce((a, b) => Math.min(a, b)) - 0.5));
    const last = Math.min(height - 1, Math.floor(ys.reduce((a, b) => Math.max(a, b)) - 0.5));
    for (let y = first; y <= last; y++) {
        let winding = 0;
        let from = 0;
        for (const { x, turn } of crossings(points, y + 0.5)) {
            if (winding === 0)
                from = x;
            winding += turn;
            if (winding === 0)
                set(y, Math.ceil(from - 0.5), Math.ceil(x - 0.5));
        }
    }
}
/** Where the closed outline crosses a height, from the left; turn: 1 downwards, -1 upwards. */
function crossings(points, y) {
    const found = [];
    points.forEach((to, i) => {
        const from = points.at(i - 1);
        if (from.y <= y !== to.y <= y)
            found.push({ x: crossing(from, to, y), turn: from.y <= y ? 1 : -1 });
    });
    return found.sort((one, other) => one.x - other.x);
}
function crossing(from, to, y) {
    return from.x + ((y - from.y) / (to.y - from.y)) * (to.x - from.x);
}
