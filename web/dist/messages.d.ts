import type { ErrorKind } from "./errors.js";
import type { Filled, Job, OpenOptions } from "./filler.js";
import type { Provider } from "./types.js";
export type Asked = {
    readonly is: "open";
    readonly model: Uint8Array;
    readonly name: string;
    readonly options: OpenOptions;
} | {
    readonly is: "fill";
    readonly id: number;
    readonly job: Job;
} | {
    readonly is: "abort";
    readonly id: number;
};
/** Of opening the id is 0. kind: undefined for what is none of ours. */
export type Told = {
    readonly is: "opened";
    readonly provider: Provider;
    readonly notes: readonly string[];
} | {
    readonly is: "progress";
    readonly id: number;
    readonly done: number;
    readonly all: number;
} | {
    readonly is: "filled";
    readonly id: number;
    readonly filled: Filled;
} | {
    readonly is: "failed";
    readonly id: number;
    readonly kind: ErrorKind | undefined;
    readonly message: string;
};
