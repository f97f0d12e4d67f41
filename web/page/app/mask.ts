// The hole as bits, in the very rows that a PNG of one bit a pixel is made of: 24 megapixels take 3 MB.

import { encodePng } from "./png.js";

export class Mask {
  /** Bytes of a row: PNG's filter type, which is 0, then eight pixels a byte from the left; 1 is hole. */
  readonly stride: number;
  readonly rows: Uint8Array<ArrayBuffer>;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.stride = 1 + Math.ceil(width / 8);
    this.rows = new Uint8Array(this.stride * height);
  }

  /** Sets the pixels from <= x < to of row y; what lies outside of the picture is left out. */
  set(y: number, from: number, to: number, hole: boolean): void {
    const first = Math.max(from, 0);
    const last = Math.min(to, this.width) - 1;
    if (y < 0 || y >= this.height || last < first) return;
    const start = y * this.stride + 1;
    const firstByte = start + (first >> 3);
    const lastByte = start + (last >> 3);
    const head = 0xff >> (first & 7);
    const tail = 0xff & (0xff << (7 - (last & 7)));
    if (firstByte === lastByte) return this.#change(firstByte, head & tail, hole);
    this.#change(firstByte, head, hole);
    this.rows.fill(hole ? 0xff : 0, firstByte + 1, lastByte);
    this.#change(lastByte, tail, hole);
  }

  get isEmpty(): boolean {
    return !this.rows.some((byte) => byte !== 0); // filter types are 0 too
  }

  /** One byte a pixel, 1 in the hole. */
  bytes(): Uint8Array<ArrayBuffer> {
    const { width, height, stride, rows } = this;
    const out = new Uint8Array(width * height);
    for (let y = 0, to = 0; y < height; y++) {
      const start = y * stride + 1;
      for (let x = 0; x < width; x++, to++) out[to] = (rows[start + (x >> 3)]! >> (7 - (x & 7))) & 1;
    }
    return out;
  }

  png(): Promise<Blob> {
    return encodePng({ width: this.width, height: this.height, depth: 1, colour: "grey" }, this.rows);
  }

  #change(at: number, bits: number, hole: boolean): void {
    this.rows[at] = hole ? this.rows[at]! | bits : this.rows[at]! & ~bits;
  }
}
