// Shortcuts: name of a key, with the others that are held, to what it does.

/** Ctrl is Cmd on a Mac. Letters and signs as they are typed, whatever the keyboard. */
export type Shortcuts = Readonly<Record<string, () => void>>;

export function listen(shortcuts: Shortcuts): void {
  document.addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.isComposing || document.querySelector("dialog[open]")) return;
    const command = event.ctrlKey || event.metaKey;
    if (isTypedInto(event.target) && !command && event.key !== "Escape") return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
    const act = shortcuts[`${command ? "Ctrl+" : ""}${command && event.shiftKey ? "Shift+" : ""}${key}`];
    if (!act || event.altKey) return;
    event.preventDefault();
    act();
  });
}

function isTypedInto(target: EventTarget | null): boolean {
  return target instanceof HTMLSelectElement || (target instanceof HTMLInputElement && target.type !== "range");
}
