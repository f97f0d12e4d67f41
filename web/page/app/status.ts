// One quiet line on the page, and what of it a screen reader is told.

import { page } from "./page.js";

export type Tone = "quiet" | "busy" | "problem";

/** share: how far it is, from 0 to 1. told: whether a screen reader says it; what counts on is only shown. */
export function say(line: string, tone: Tone = "quiet", { share, told = true }: { share?: number | undefined; told?: boolean } = {}): void {
  page.line.textContent = line;
  page.line.dataset["tone"] = tone;
  page.progress.hidden = tone !== "busy";
  if (share === undefined) page.progress.removeAttribute("value");
  else page.progress.value = share;
  if (told && page.told.textContent !== line) page.told.textContent = line;
}

/** To screen readers alone. */
export function tell(line: string): void {
  page.told.textContent = line;
}
