// The elements of index.html, by their names there.
function element(id, kind) {
    const found = document.getElementById(id);
    if (!(found instanceof kind))
        throw new Error(`index.html has no ${kind.name} "${id}"`);
    return found;
}
const button = (id) => element(id, HTMLButtonElement);
const input = (id) => element(id, HTMLInputElement);
const dialog = (id) => element(id, HTMLDialogElement);
export const page = {
    stage: element("stage", HTMLElement),
    pictureCanvas: element("picture", HTMLCanvasElement),
    marksCanvas: element("marks", HTMLCanvasElement),
    ring: element("ring", HTMLElement),
    welcome: element("welcome", HTMLElement),
    privacy: element("privacy", HTMLElement),
    dock: element("dock", HTMLElement),
    file: input("file"),
    open: button("open"),
    choose: button("choose"),
    example: button("example"),
    download: button("download"),
    help: button("help"),
    zoomIn: button("zoom-in"),
    zoomOut: button("zoom-out"),
    fit: button("fit"),
    size: input("size"),
    sizeShown: element("size-shown", HTMLOutputElement),
    sizeGroup: element("size-group", HTMLElement),
    undo: button("undo"),
    redo: button("redo"),
    clear: button("clear"),
    compare: button("compare"),
    divider: input("divider"),
    dividerGroup: element("divider-group", HTMLElement),
    remove: button("remove"),
    cancel: button("cancel"),
    model: element("model", HTMLSelectElement),
    modelGroup: element("model-group", HTMLElement),
    line: element("line", HTMLElement),
    told: element("told", HTMLElement),
    progress: element("progress", HTMLProgressElement),
    boxGroup: element("box-group", HTMLFormElement),
    boxFields: { x: input("box-x"), y: input("box-y"), width: input("box-width"), height: input("box-height") },
    boxErase: button("box-erase"),
    helpDialog: dialog("help-dialog"),
    tokenDialog: dialog("token-dialog"),
    token: input("token"),
    tokenLine: element("token-line", HTMLElement),
    replaceDialog: dialog("replace-dialog"),
};
/** Buttons of tools by the tool's name. */
export function toolButtons() {
    const buttons = document.querySelectorAll("button[data-tool]");
    return new Map([...buttons].map((one) => [one.dataset["tool"], one]));
}
