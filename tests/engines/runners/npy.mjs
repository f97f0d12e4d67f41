// Files of numpy's arrays, in Node.js and in browsers.
const KINDS = { '|u1': ['uint8', Uint8Array], '<f4': ['float32', Float32Array] };

// {type, data, dims}, as tensors of ONNX Runtime are made of it. bytes: Uint8Array.
export function parse(bytes) {
  const start = 10 + (bytes[8] | (bytes[9] << 8));
  const head = new TextDecoder('latin1').decode(bytes.subarray(10, start));
  const [, descr] = head.match(/'descr': '([^']+)'/);
  const [, sizes] = head.match(/'shape': \(([^)]*)\)/);
  const dims = sizes.split(',').map((size) => size.trim()).filter(Boolean).map(Number);
  const [type, Numbers] = KINDS[descr];
  // Not bytes.slice, which copies in browsers and not in Node.js.
  const data = new Numbers(bytes.buffer.slice(bytes.byteOffset + start, bytes.byteOffset + bytes.length));
  return { type, data, dims };
}

// Uint8Array of the file. Takes what `parse` gives.
export function format({ type, data, dims }) {
  const descr = Object.keys(KINDS).find((key) => KINDS[key][0] === type);
  const text = `{'descr': '${descr}', 'fortran_order': False, 'shape': (${dims.join(', ')},), }`;
  const head = new TextEncoder().encode(text + ' '.repeat(63 - ((10 + text.length) % 64)) + '\n');
  const start = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length & 255, head.length >> 8];
  const bytes = new Uint8Array(start.length + head.length + data.byteLength);
  bytes.set(start);
  bytes.set(head, start.length);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), start.length + head.length);
  return bytes;
}
