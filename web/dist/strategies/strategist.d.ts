import { type Backend } from "../backend.js";
import { type Hole, type Picture } from "../pictures.js";
import type { StrategyOptions } from "./options.js";
import { type Plan } from "./plan.js";
import { type Tell } from "./whole.js";
/** Is told after each run of the engine how many windows of how many are computed; ends the call by what it throws. */
export type Progress = (done: number, all: number) => void | Promise<void>;
export declare class Strategist {
    private readonly backend;
    private readonly tell;
    private readonly whole;
    private readonly run;
    private saidEngine;
    constructor(backend: Backend, tell: Tell);
    /** With the memory that is free now. */
    plan(hole: Hole, options: StrategyOptions): Plan;
    /** Fills the pictures themselves; as many holes, each of its picture's size. Throws what fails first, of any. */
    fill(pictures: readonly Picture[], holes: readonly Hole[], options: StrategyOptions, progress?: Progress): Promise<Plan[]>;
    /** As one where there is memory for it, else one by one. */
    private fillBatch;
    private fillPlanned;
    /** How many windows of a size are a batch that the engine runs well, and that fits into memory. */
    private together;
    /** What was asked for and is not so is a warning, once. Of plans that say the same the last one. */
    private say;
}
