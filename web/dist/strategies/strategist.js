// Pictures of any size over one backend: planned, run together, set back. As strategist.py of lama_deploy, and what
// inpainter.py decides: `run` for pictures of one size, `run_many` for others.
import { partOf } from "../backend.js";
import { hasHole, sizeOf } from "../pictures.js";
import { product, same } from "../shapes.js";
import { requestOf, setFilled } from "./fillings.js";
import { planned } from "./plan.js";
import { runFillings, runTogether } from "./running.js";
import { Whole } from "./whole.js";
import { Budget } from "./windows.js";
export class Strategist {
    backend;
    tell;
    whole;
    run;
    saidEngine = false;
    constructor(backend, tell) {
        this.backend = backend;
        this.tell = tell;
        this.whole = new Whole(backend, tell);
        this.run = (...given) => this.whole.run(...given);
    }
    /** With the memory that is free now. */
    plan(hole, options) {
        return planned(hole, options, new Budget(options.limit, this.whole.mostPixels(), this.backend.capabilities));
    }
    /** Fills the pictures themselves; as many holes, each of its picture's size. Throws what fails first, of any. */
    async fill(pictures, holes, options, progress = () => undefined) {
        const plans = holes.map((hole) => this.plan(hole, options));
        const equal = holes.every((hole) => same(sizeOf(hole), sizeOf(holes[0])));
        if (equal && !holes.some(hasHole))
            return plans;
        this.say(plans);
        if (equal && plans.every((plan) => !plan.steps.length))
            await this.fillBatch(pictures, holes, progress);
        else
            await this.fillPlanned(pictures, holes, plans, progress);
        return plans;
    }
    /** As one where there is memory for it, else one by one. */
    async fillBatch(pictures, holes, progress) {
        const requests = pictures.map((picture, i) => requestOf(picture, holes[i]));
        const pixels = pictures.length * product(sizeOf(holes[0]));
        const step = pixels > this.whole.mostPixels() ? 1 : pictures.length;
        for (let start = 0; start < requests.length; start += step) {
            const results = await runTogether(this.run, requests.slice(start, start + step));
            results.forEach((result, i) => setFilled(pictures[start + i], holes[start + i], result));
            await progress(start + step, requests.length);
        }
    }
    async fillPlanned(pictures, holes, plans, progress) {
        const fillings = plans.flatMap((plan, i) => plan.fillings(pictures[i], holes[i]));
        const all = plans.reduce((sum, plan) => sum + plan.runs, 0);
        let done = 0;
        const computed = async (count) => progress((done += count), all);
        await runFillings(this.run, fillings, (size) => this.together(size), computed);
    }
    /** How many windows of a size are a batch that the engine runs well, and that fits into memory. */
    together(size) {
        const { shapes, batch } = this.backend.capabilities;
        const most = shapes.length ? Math.max(...shapes.map((one) => one.largest[0])) : batch;
        const [pictures, ...sides] = partOf(this.backend.capabilities, [most, ...size]);
        if (!same(sides, size))
            return 1;
        const fits = Math.trunc(Math.min(most, this.whole.mostPixels() / product(size)));
        return Math.max(1, Math.min(pictures, fits));
    }
    /** What was asked for and is not so is a warning, once. Of plans that say the same the last one. */
    say(plans) {
        for (const plan of new Map(plans.map((plan) => [plan.text, plan])).values()) {
            const unasked = plan.why === "engine" && !this.saidEngine;
            if (unasked)
                this.saidEngine = true;
            this.tell(unasked ? "warning" : "info", `${plan.text}: ${plan.windows}`);
        }
    }
}
