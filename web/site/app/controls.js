// Buttons and keys, to what they do.
import { brushSize, setBrushSize, stepBrushSize } from "./brush.js";
import { showHelp } from "./dialogs.js";
import { listen } from "./keys.js";
import { page, toolButtons } from "./page.js";
import { tell } from "./status.js";
import { TOOLS } from "./tools.js";
const ZOOM = 1.4;
export function bind(actions) {
    bindButtons(actions);
    bindKeys(actions);
    setBrushSize(brushSize());
}
/** Which tool is chosen, and what belongs to it. */
export function showTool(tool) {
    for (const [name, button] of toolButtons())
        button.setAttribute("aria-pressed", String(name === tool));
    page.stage.dataset["tool"] = tool;
    page.boxGroup.hidden = tool !== "box";
    page.sizeGroup.classList.toggle("without", tool === "box" || tool === "lasso");
}
function bindButtons(actions) {
    const { helpDialog } = page;
    const buttons = toolButtons();
    for (const tool of TOOLS)
        buttons.get(tool)?.addEventListener("click", () => actions.select(tool));
    for (const name of ["undo", "redo", "clear", "remove", "cancel", "download", "fit"]) {
        page[name].addEventListener("click", () => actions[name]());
    }
    page.zoomIn.addEventListener("click", () => actions.zoom(ZOOM));
    page.zoomOut.addEventListener("click", () => actions.zoom(1 / ZOOM));
    page.size.addEventListener("input", () => setBrushSize(brushSize()));
    page.compare.addEventListener("click", () => actions.compare(page.dividerGroup.hidden));
    page.divider.addEventListener("input", () => actions.compare(true));
    page.help.addEventListener("click", showHelp);
    helpDialog.addEventListener("click", (event) => event.target === helpDialog && helpDialog.close());
}
function bindKeys(actions) {
    listen({
        b: () => actions.select("brush"),
        e: () => actions.select("eraser"),
        r: () => actions.select("box"),
        l: () => actions.select("lasso"),
        "[": () => stepBrush(-1),
        "]": () => stepBrush(1),
        c: () => page.compare.click(),
        "+": () => actions.zoom(ZOOM),
        "=": () => actions.zoom(ZOOM),
        "-": () => actions.zoom(1 / ZOOM),
        "0": () => actions.fit(),
        "?": showHelp,
        Delete: () => actions.clear(),
        Escape: () => actions.cancel(),
        "Ctrl+Enter": () => actions.remove(),
        "Ctrl+z": () => actions.undo(),
        "Ctrl+Shift+z": () => actions.redo(),
        "Ctrl+y": () => actions.redo(),
        "Ctrl+o": () => page.open.click(),
        "Ctrl+s": () => actions.download(),
    });
}
function stepBrush(way) {
    stepBrushSize(way);
    tell(`Brush ${brushSize()}`);
}
