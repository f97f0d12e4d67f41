// The page: a photo, what is done to it, and what is shown of that.

import { BoxFields } from "./boxes.js";
import { type Actions, bind, showTool } from "./controls.js";
import { mayReplace } from "./dialogs.js";
import { Editor } from "./editor.js";
import { type Engine, isAbort, Problem, type Progress } from "./engine.js";
import { takeFiles } from "./files.js";
import type { Box } from "./geometry.js";
import { Gestures } from "./gestures.js";
import { page } from "./page.js";
import { type Easel, Painter } from "./painter.js";
import { Screen } from "./screen.js";
import type { Shape } from "./shapes.js";
import { say } from "./status.js";
import type { Tool } from "./tools.js";
import { View } from "./view.js";

const START = "Paint over what should go, then press Remove.";

export class App implements Actions, Easel {
  readonly #view = new View();
  readonly #screen = new Screen(page.pictureCanvas, page.marksCanvas, page.ring, this.#view);
  readonly #painter = new Painter(this, this.#view, this.#screen);
  readonly #boxes = new BoxFields((box, erase) => this.#addBox(box, erase), () => this.#refresh());
  #editor: Editor | undefined;
  #work: AbortController | undefined; // what is going on, and can be cancelled

  constructor(private readonly engine: Engine) {
    page.privacy.textContent = engine.privacy;
    page.modelGroup.hidden = engine.models.length < 2;
    page.model.append(...engine.models.map((name) => new Option(name)));
    new Gestures(page.stage, this.#view, this.#painter, () => this.#screen.draw());
    new ResizeObserver(([entry]) => this.#resize(entry!.contentRect)).observe(page.stage);
    bind(this);
    takeFiles((file) => void this.open(file));
    page.stage.addEventListener("keydown", (event) => {
      if (this.#painter.tool === "box" && this.isFree && this.#boxes.key(event)) event.preventDefault();
    });
    addEventListener("beforeunload", (event) => {
      if (this.#editor && !this.#editor.isSaved) event.preventDefault();
    });
    this.select("brush");
  }

  async open(file: File): Promise<void> {
    if (this.#work || (this.#editor && !this.#editor.isSaved && !(await mayReplace()))) return;
    await this.#working("Reading the photo", async (signal) => {
      const editor = await Editor.open(this.engine, file, signal);
      this.#editor?.close();
      this.#editor = editor;
      page.welcome.hidden = true;
      page.dock.hidden = false;
      this.compare(false);
      this.#view.show(editor.size);
      this.#boxes.show(editor.size);
      return `${file.name}, ${editor.size.width} x ${editor.size.height}. ${START}`;
    });
    page.stage.focus({ preventScroll: true });
  }

  async remove(): Promise<void> {
    const editor = this.#editor;
    if (!editor || this.#work) return;
    this.compare(false);
    const began = performance.now();
    await this.#working("Filling", async (signal, progress) => {
      const model = this.engine.models.length > 1 ? page.model.value : undefined;
      const { plan, notes } = await editor.fill(model, signal, progress);
      const seconds = (performance.now() - began) / 1000;
      const others = notes.filter((note) => note !== plan);
      return [`Done in ${seconds.toFixed(1)} s`, plan, ...others].filter(Boolean).join(" · ");
    });
  }

  async download(): Promise<void> {
    const editor = this.#editor;
    if (!editor?.isFilled || this.#work) return;
    await this.#working("Writing the file", async (signal, progress) => {
      const { file, name, notes } = await editor.save(signal, progress);
      const link = document.createElement("a");
      link.href = URL.createObjectURL(file);
      link.download = name;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 60_000);
      return [`Downloaded as ${name}`, ...notes].join(" · ");
    });
  }

  undo(): void {
    if (this.#editor?.canUndo) void this.#step(this.#editor, () => this.#editor!.undo(), "Undone");
  }

  redo(): void {
    if (this.#editor?.canRedo) void this.#step(this.#editor, () => this.#editor!.redo(), "Done again");
  }

  clear(): void {
    if (!this.#editor?.shapes.length || this.#work) return;
    this.#editor.clear();
    say("Marks cleared");
    this.#refresh();
  }

  cancel(): void {
    if (this.#painter.isDrawing) this.#painter.cancel();
    else if (this.#work) this.#work.abort();
    else this.compare(false);
  }

  select(tool: Tool): void {
    this.#painter.tool = tool;
    showTool(tool);
    this.compare(false);
  }

  compare(on: boolean): void {
    this.#screen.scene.divider = on ? page.divider.valueAsNumber / 100 : undefined;
    this.#refresh();
  }

  zoom(factor: number): void {
    this.#view.zoom(factor);
    this.#screen.draw();
  }

  fit(): void {
    this.#view.fit();
    this.#screen.draw();
  }

  // What the painter asks for.

  get isFree(): boolean {
    return this.#editor !== undefined && this.#work === undefined;
  }

  get isComparing(): boolean {
    return this.#screen.scene.divider !== undefined;
  }

  add(shape: Shape): void {
    this.#editor?.add(shape);
    this.#refresh();
  }

  divide(to: number): void {
    page.divider.value = String(to * 100);
    this.compare(true);
  }

  #addBox({ x, y, width, height }: Box, erase: boolean): void {
    if (this.isFree) this.add({ kind: "box", erase, radius: 0, points: [{ x, y }, { x: x + width, y: y + height }] });
  }

  async #step(editor: Editor, act: () => Promise<void>, what: string): Promise<void> {
    if (this.#work) return;
    const { shown } = editor;
    const stepped = act();
    this.compare(false);
    await stepped;
    say(`${what}: ${editor.shown === shown ? "a mark" : "a fill"}`);
    this.#refresh();
  }

  /** act: returns the line that is told at the end. */
  async #working(what: string, act: (signal: AbortSignal, progress: Progress) => Promise<string>): Promise<void> {
    const work = (this.#work = new AbortController());
    const focused = document.activeElement;
    const progress: Progress = (line, share) => say(line, "busy", { share, told: share === undefined && !/\d/.test(line) });
    say(what, "busy");
    this.#refresh();
    if (focused === page.remove) page.cancel.focus();
    try {
      say(await act(work.signal, progress));
    } catch (error) {
      say(...lineOf(error));
    }
    this.#work = undefined;
    this.#refresh();
    if (focused === page.remove) page.remove.focus();
  }

  #resize({ width, height }: DOMRectReadOnly): void {
    this.#view.resize({ width, height });
    this.#screen.resize({ width, height });
  }

  #refresh(): void {
    const editor = this.#editor;
    const busy = this.#work !== undefined;
    const { scene } = this.#screen;
    scene.picture = editor?.shown;
    scene.before = editor?.before;
    scene.shapes = editor?.shapes ?? scene.shapes;
    scene.outline = this.#boxes.box;
    page.stage.classList.toggle("busy", busy);
    page.stage.classList.toggle("comparing", this.isComparing);
    page.undo.disabled = busy || !editor?.canUndo;
    page.redo.disabled = busy || !editor?.canRedo;
    page.clear.disabled = busy || !editor?.shapes.length;
    page.compare.disabled = busy || !editor?.isFilled;
    page.compare.setAttribute("aria-pressed", String(this.isComparing));
    page.sizeGroup.hidden = this.isComparing;
    page.dividerGroup.hidden = !this.isComparing;
    page.download.disabled = busy || !editor?.isFilled;
    for (const button of [page.open, page.choose, page.example]) button.disabled = busy;
    for (const button of [page.zoomIn, page.zoomOut, page.fit]) button.disabled = !editor;
    page.remove.hidden = busy;
    page.cancel.hidden = !busy;
    if (busy || this.isComparing) this.#painter.hover(undefined);
    this.#screen.draw();
  }
}

/** As `say` takes them. */
function lineOf(error: unknown): [string, "quiet" | "problem"] {
  if (isAbort(error)) return ["Cancelled. Your marks are kept.", "quiet"];
  if (error instanceof Problem) return [error.message, "problem"];
  const told = error instanceof Error ? error.message : String(error);
  return [`This went wrong: ${told}. Your marks are kept.`, "problem"];
}
