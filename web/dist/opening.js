// A model opened where this runs: by WebAssembly, or on a GPU.
import { Engine } from "./engine.js";
import { LamaError, brief } from "./errors.js";
import { findGpu } from "./gpu.js";
import { factsOf } from "./onnx_file.js";
import { loadRuntime, threadsFor } from "./runtime.js";
import { Strategist } from "./strategies/strategist.js";
const TRIED = 64; // pixels a side, that a GPU computes before it is relied on
/** name: for messages. Throws LamaError. */
export async function openHere(model, name, options) {
    const facts = factsOf(model, name);
    const { engine, provider, notes } = await opened(model, facts, name, options);
    return new Here(engine, provider, notes);
}
async function opened(model, facts, name, options) {
    const asked = options.provider ?? "auto";
    const gpu = asked === "wasm" ? undefined : await findGpu();
    if (asked === "webgpu") {
        if (gpu)
            return onGpu(gpu, model, facts, name, options);
        throw new LamaError("engine", 'WebGPU is not there: the browser has none, or no GPU for it; use provider "wasm" or "auto"');
    }
    const notes = [];
    if (gpu?.emulated)
        notes.push("WebGPU is emulated by the processor here, so WebAssembly computes");
    if (gpu && !gpu.emulated) {
        try {
            return await onGpu(gpu, model, facts, name, options);
        }
        catch (error) {
            notes.push(`WebGPU failed (${brief(error)}), so WebAssembly computes`);
        }
    }
    const found = await byWasm(model, facts, name, options);
    return { ...found, notes: [...notes, ...found.notes] };
}
async function byWasm(model, facts, name, options) {
    const { threads, notes } = threadsFor(options.threads);
    const ort = await loadRuntime("wasm", options.runtime, threads);
    return { engine: await Engine.open(ort, model, facts, name), provider: "wasm", notes };
}
/** Once it has computed something: some drivers fail only then. */
async function onGpu(gpu, model, facts, name, options) {
    const ort = await loadRuntime("webgpu", options.runtime, 1);
    const engine = await Engine.open(ort, model, facts, name, gpu);
    if (!engine.capabilities.shapes.length && !gpu.emulated)
        await engine.run([1, TRIED, TRIED], new Uint8Array(3 * TRIED * TRIED), new Uint8Array(TRIED * TRIED).fill(1));
    return { engine, provider: "webgpu", notes: [] };
}
class Here {
    engine;
    provider;
    notes;
    strategist;
    told = [];
    last = Promise.resolve(); // one run at a time
    constructor(engine, provider, notes) {
        this.engine = engine;
        this.provider = provider;
        this.notes = notes;
        this.strategist = new Strategist(engine, (level, line) => level === "warning" && this.told.push(line));
    }
    fill(job, progress, signal) {
        const run = this.last.then(() => this.filled(job, progress, signal));
        this.last = run.catch(() => undefined);
        return run;
    }
    async close() {
        await this.last;
        await this.engine.close();
    }
    async filled({ canvas, hole, options }, progress, signal) {
        signal?.throwIfAborted();
        this.told = [];
        const [plan] = await this.strategist.fill([canvas], [hole], options, async (done, all) => {
            progress(done, all);
            if (done === all)
                return;
            await new Promise((resolve) => setTimeout(resolve)); // what came in meanwhile, such as an abort
            signal?.throwIfAborted();
        });
        return { data: canvas.data, plan: `${plan.text}: ${plan.windows}`, notes: this.told };
    }
}
