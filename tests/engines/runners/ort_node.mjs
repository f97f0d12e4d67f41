// ONNX Runtime in Node.js: `ort_node.mjs PACKAGE MODEL CASES OUT -- NAME ...`, as common.py has it.
// PACKAGE is onnxruntime-node, which is native, or onnxruntime-web, whose WASM is what browsers run without a GPU.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';

const [name, model, cases, out, , ...names] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const ort = require(name);
const KINDS = { '|u1': ['uint8', Uint8Array], '<f4': ['float32', Float32Array] };

function readArray(path) {
  const bytes = readFileSync(path);
  const head = bytes.subarray(10, 10 + bytes.readUInt16LE(8)).toString('latin1');
  const [, type] = head.match(/'descr': '([^']+)'/);
  const [, sizes] = head.match(/'shape': \(([^)]*)\)/);
  const shape = sizes.split(',').map((size) => size.trim()).filter(Boolean).map(Number);
  const start = bytes.byteOffset + 10 + head.length;
  const [kind, Numbers] = KINDS[type];
  const data = new Numbers(bytes.buffer.slice(start, bytes.byteOffset + bytes.length));
  return new ort.Tensor(kind, data, shape);
}

function writeArray(path, tensor) {
  const type = Object.keys(KINDS).find((key) => KINDS[key][0] === tensor.type);
  const text = `{'descr': '${type}', 'fortran_order': False, 'shape': (${tensor.dims.join(', ')},), }`;
  const head = text + ' '.repeat(63 - ((10 + text.length) % 64)) + '\n';
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, head.length & 255, head.length >> 8]);
  const data = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
  writeFileSync(path + '.part', Buffer.concat([start, Buffer.from(head, 'latin1'), data]));
  renameSync(path + '.part', path);
}

const versionOf = () => JSON.parse(readFileSync(join(import.meta.dirname, 'node_modules', name, 'package.json'))).version;
writeFileSync(join(out, 'versions.json'), JSON.stringify({ [name]: versionOf(), node: process.versions.node }));
let session;
try {
  session = await ort.InferenceSession.create(name === 'onnxruntime-web' ? readFileSync(model) : model);
} catch (error) {
  for (const one of names) writeFileSync(join(out, `${one}.txt`), String(error));
}
for (const one of session ? names : []) {
  try {
    const [image, mask] = ['image', 'mask'].map((value) => readArray(join(cases, one, `${value}.npy`)));
    const { result } = await session.run({ image, mask });
    writeArray(join(out, `${one}.npy`), result);
  } catch (error) {
    writeFileSync(join(out, `${one}.txt`), String(error));
  }
}
process.exit(0);
