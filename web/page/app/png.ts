// PNG, as far as the page writes and looks into it.

export interface Chunk {
  readonly type: string;
  readonly data: Uint8Array<ArrayBuffer>;
}

export interface Header {
  readonly width: number;
  readonly height: number;
  readonly depth: 1 | 8;
  readonly colour: "grey" | "rgb" | "rgba";
}

const SIGNATURE = [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a];
const COLOURS = { grey: 0, rgb: 2, rgba: 6 };

export function isPng(bytes: Uint8Array): boolean {
  return SIGNATURE.every((value, i) => bytes[i] === value);
}

/** Where the data of the first chunk of that type lies; a damaged file has none. */
export function findChunk(bytes: Uint8Array, type: string): { at: number; length: number } | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  for (let at = SIGNATURE.length; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    if (at + 12 + length > bytes.length) return undefined;
    if (String.fromCharCode(...bytes.subarray(at + 4, at + 8)) === type) return { at: at + 8, length };
    at += 12 + length;
  }
  return undefined;
}

/** Writes the CRC of the chunk whose data lies there, after a change of it. */
export function signChunk(bytes: Uint8Array, at: number, length: number): void {
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(at + length, crc32(bytes.subarray(at - 4, at + length)));
}

/** rows: as they are compressed, each with its filter type. extra: chunks between header and pixels. */
export async function encodePng(header: Header, rows: Uint8Array<ArrayBuffer>, extra: readonly Chunk[] = []): Promise<Blob> {
  const head = new Uint8Array(13);
  const view = new DataView(head.buffer);
  view.setUint32(0, header.width);
  view.setUint32(4, header.height);
  head[8] = header.depth;
  head[9] = COLOURS[header.colour];
  const chunks = [
    { type: "IHDR", data: head },
    ...extra,
    { type: "IDAT", data: await deflate(rows) },
    { type: "IEND", data: new Uint8Array() },
  ];
  return new Blob([new Uint8Array(SIGNATURE), ...chunks.flatMap(partsOf)], { type: "image/png" });
}

/** In zlib's format. */
export async function deflate(bytes: Uint8Array<ArrayBuffer>): Promise<Uint8Array<ArrayBuffer>> {
  const stream = new Blob([bytes]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

function partsOf({ type, data }: Chunk): Uint8Array<ArrayBuffer>[] {
  const name = Uint8Array.from(type, (letter) => letter.charCodeAt(0));
  const length = new Uint8Array(4);
  const sum = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, data.length);
  new DataView(sum.buffer).setUint32(0, crc32(data, crc32(name)));
  return [length, name, data, sum];
}

const TABLE = Uint32Array.from({ length: 256 }, (_, n) => {
  for (let bit = 0; bit < 8; bit++) n = n & 1 ? 0xedb88320 ^ (n >>> 1) : n >>> 1;
  return n;
});

function crc32(bytes: Uint8Array, before = 0): number {
  let sum = ~before;
  for (const byte of bytes) sum = TABLE[(sum ^ byte) & 0xff]! ^ (sum >>> 8);
  return ~sum >>> 0;
}
