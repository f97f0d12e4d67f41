// Runs in a worker of its own, so that the page stays alive while it computes.
import { LamaError, brief } from "./errors.js";
import { openHere } from "./opening.js";
const runs = new Map();
let filler;
onmessage = ({ data }) => {
    if (data.is === "abort")
        runs.get(data.id)?.abort();
    else if (data.is === "open")
        void attempt(0, () => open(data));
    else
        void attempt(data.id, () => fill(data.id, data.job));
};
async function open({ model, name, options }) {
    filler = await openHere(model, name, options);
    tell({ is: "opened", provider: filler.provider, notes: filler.notes });
}
async function fill(id, job) {
    const abort = new AbortController();
    runs.set(id, abort);
    try {
        const progress = (done, all) => tell({ is: "progress", id, done, all });
        const filled = await filler.fill(job, progress, abort.signal);
        tell({ is: "filled", id, filled }, [filled.data.buffer]);
    }
    finally {
        runs.delete(id);
    }
}
async function attempt(id, action) {
    try {
        await action();
    }
    catch (error) {
        tell({ is: "failed", id, kind: error instanceof LamaError ? error.kind : undefined, message: brief(error) });
    }
}
function tell(told, moved = []) {
    postMessage(told, { transfer: moved });
}
