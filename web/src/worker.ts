// Runs in a worker of its own, so that the page stays alive while it computes.
import { LamaError, brief } from "./errors.js";
import type { Filler, Job } from "./filler.js";
import type { Asked, Told } from "./messages.js";
import { openHere } from "./opening.js";

const runs = new Map<number, AbortController>();
let filler: Filler | undefined;

onmessage = ({ data }: MessageEvent<Asked>) => {
  if (data.is === "abort") runs.get(data.id)?.abort();
  else if (data.is === "open") void attempt(0, () => open(data));
  else void attempt(data.id, () => fill(data.id, data.job));
};

async function open({ model, name, options }: Extract<Asked, { is: "open" }>): Promise<void> {
  filler = await openHere(model, name, options);
  tell({ is: "opened", provider: filler.provider, notes: filler.notes });
}

async function fill(id: number, job: Job): Promise<void> {
  const abort = new AbortController();
  runs.set(id, abort);
  try {
    const progress = (done: number, all: number) => tell({ is: "progress", id, done, all });
    const filled = await filler!.fill(job, progress, abort.signal);
    tell({ is: "filled", id, filled }, [filled.data.buffer as ArrayBuffer]);
  } finally {
    runs.delete(id);
  }
}

async function attempt(id: number, action: () => Promise<void>): Promise<void> {
  try {
    await action();
  } catch (error) {
    tell({ is: "failed", id, kind: error instanceof LamaError ? error.kind : undefined, message: brief(error) });
  }
}

function tell(told: Told, moved: Transferable[] = []): void {
  postMessage(told, { transfer: moved });
}
