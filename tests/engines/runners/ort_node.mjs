// ONNX Runtime in Node.js: `ort_node.mjs PACKAGE MODEL CASES OUT -- NAME ...`, as common.py has it.
// PACKAGE is onnxruntime-node, which is native, or onnxruntime-web, whose WASM is what browsers run without a GPU.
import { readFileSync, renameSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { format, parse } from './npy.mjs';

const [name, model, cases, out, , ...names] = process.argv.slice(2);
const require = createRequire(import.meta.url);
const ort = require(name);

function readArray(path) {
  const { type, data, dims } = parse(readFileSync(path));
  return new ort.Tensor(type, data, dims);
}

function writeArray(path, tensor) {
  writeFileSync(path + '.part', format(tensor));
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
