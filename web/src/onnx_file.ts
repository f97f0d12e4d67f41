// What a model file says of itself, read without an engine: ONNX is a protocol buffer.
import { LamaError } from "./errors.js";

export interface ModelFacts {
  /** Of lama-export: "uint8" or "float". */
  readonly io: "uint8" | "float";
  /** Channels of the generator's first layer, on which the memory of a run depends; undefined where none is found. */
  readonly width: number | undefined;
}

/** Numbers of fields in onnx.proto. */
const MODEL = { graph: 7, metadata: 14 };
const ENTRY = { key: 1, value: 2 };
const GRAPH = { initializer: 5 };
const TENSOR = { dims: 1, location: 14 };
const FIRST_LAYER = [4, 7, 7]; // colours and mask, and its kernel

interface Field {
  readonly number: number;
  /** Of a number; else of what lies in `bytes`. */
  readonly value: number;
  readonly bytes: Uint8Array;
}

/** Throws LamaError "model" for anything but a file that `lama-export --to onnx` wrote. name: for messages. */
export function factsOf(model: Uint8Array, name: string): ModelFacts {
  const facts = new Map<string, string>();
  let width: number | undefined;
  try {
    for (const { number, bytes } of fieldsOf(model)) {
      if (number === MODEL.metadata) facts.set(textOf(bytes, ENTRY.key), textOf(bytes, ENTRY.value));
      if (number === MODEL.graph) width = widthOf(bytes, name);
    }
  } catch (error) {
    if (error instanceof LamaError) throw error;
    throw new LamaError("model", `${name}: is not a whole ONNX file; fetch it again, or export it again`);
  }
  const io = facts.get("lama_deploy.io");
  if (io === "uint8" || io === "float") return { io, width };
  throw new LamaError("model", `${name}: not a LaMa model of lama-export; make one with lama-export --to onnx`);
}

function widthOf(graph: Uint8Array, name: string): number | undefined {
  let width: number | undefined;
  for (const { number, bytes } of fieldsOf(graph)) {
    if (number !== GRAPH.initializer) continue;
    const fields = [...fieldsOf(bytes)];
    if (fields.some((field) => field.number === TENSOR.location && field.value === 1))
      throw new LamaError("model", `${name}: keeps its weights in another file; export it with weights of less than 2 GB`);
    const [channels, ...rest] = fields.filter((field) => field.number === TENSOR.dims).flatMap(numbersOf);
    if (rest.length === 3 && rest.every((side, i) => side === FIRST_LAYER[i])) width ??= channels;
  }
  return width;
}

/** Of repeated numbers, which may be one field of many. */
function numbersOf({ value, bytes }: Field): number[] {
  if (!bytes.length) return [value];
  const numbers: number[] = [];
  for (let at = 0; at < bytes.length; ) {
    const [number, next] = varint(bytes, at);
    numbers.push(number);
    at = next;
  }
  return numbers;
}

function textOf(entry: Uint8Array, number: number): string {
  for (const field of fieldsOf(entry)) if (field.number === number) return new TextDecoder().decode(field.bytes);
  return "";
}

function* fieldsOf(message: Uint8Array): Generator<Field> {
  const none = message.subarray(0, 0);
  for (let at = 0; at < message.length; ) {
    const [key, start] = varint(message, at);
    const [number, kind] = [Math.floor(key / 8), key % 8];
    const [value, next] = kind === 0 || kind === 2 ? varint(message, start) : [0, start];
    at = next + (kind === 2 ? value : kind === 1 ? 8 : kind === 5 ? 4 : 0);
    if (at > message.length || number === 0 || ![0, 1, 2, 5].includes(kind)) throw new RangeError("not a message");
    yield { number, value, bytes: kind === 2 ? message.subarray(next, at) : none };
  }
}

function varint(bytes: Uint8Array, at: number): [value: number, next: number] {
  let value = 0;
  for (let shift = 0; shift < 70; shift += 7) {
    const byte = bytes[at++];
    if (byte === undefined) break;
    value += (byte & 127) * 2 ** shift;
    if (byte < 128) return [value, at];
  }
  throw new RangeError("not a number");
}
