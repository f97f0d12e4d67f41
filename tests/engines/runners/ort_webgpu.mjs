// onnxruntime-web in Chromium on WebGPU: `ort_webgpu.mjs BUNDLE MODEL CASES OUT -- NAME ...`, as common.py has it.
// BUNDLE is a file of its dist folder. Without a GPU SwiftShader computes: the same, a thousand times slower.
// No server and no port: what the browser asks for is answered here, from files.
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { delimiter, extname, join } from 'node:path';
import { chromium } from 'playwright-core';

const [bundle, model, cases, out, , ...names] = process.argv.slice(2);
const ORIGIN = 'https://files.test'; // WebGPU is for secure pages only
const PACKAGES = join(import.meta.dirname, 'node_modules');
const DIST = join(PACKAGES, 'onnxruntime-web', 'dist');
const TYPES = { '.html': 'text/html', '.mjs': 'text/javascript', '.wasm': 'application/wasm' };

function contentOf(path) {
  if (path === '/index.html') return '<!doctype html>';
  if (path === '/model') return readFileSync(model);
  if (path === '/npy.mjs') return readFileSync(join(import.meta.dirname, path));
  return readFileSync(path.startsWith('/cases/') ? join(cases, path.slice('/cases/'.length)) : join(DIST, path));
}

async function answer(route) {
  const path = new URL(route.request().url()).pathname;
  try {
    await route.fulfill({ body: contentOf(path), contentType: TYPES[extname(path)] ?? 'application/octet-stream' });
  } catch {
    await route.fulfill({ status: 404 });
  }
}

// In the browser, where `runCase` stays: name of a case -> bytes of the result's file.
async function load(bundle) {
  let dispatched = 0;
  const { dispatchWorkgroups } = GPUComputePassEncoder.prototype;
  GPUComputePassEncoder.prototype.dispatchWorkgroups = function (...count) {
    dispatched += 1;
    return dispatchWorkgroups.apply(this, count);
  };
  const [ort, { parse, format }] = await Promise.all([import(`/${bundle}`), import('/npy.mjs')]);
  ort.env.wasm.numThreads = 1; // arithmetic of shapes, which is not WebGPU's
  const get = async (path) => new Uint8Array(await (await fetch(path)).arrayBuffer());
  const session = await ort.InferenceSession.create(await get('/model'), { executionProviders: ['webgpu'] });
  const read = async (path) => {
    const { type, data, dims } = parse(await get(path));
    return new ort.Tensor(type, data, dims);
  };
  globalThis.runCase = async (name) => {
    const [image, mask] = await Promise.all(['image', 'mask'].map((value) => read(`/cases/${name}/${value}.npy`)));
    const before = dispatched;
    const { result } = await session.run({ image, mask });
    if (dispatched === before) throw new Error('nothing was computed on WebGPU');
    return Array.from(format(result));
  };
}

const executablePath = process.env.PATH.split(delimiter).map((folder) => join(folder, 'chromium')).find(existsSync);
const browser = await chromium.launch({
  executablePath,
  args: ['--enable-unsafe-webgpu', '--use-webgpu-adapter=swiftshader'],
  ignoreDefaultArgs: ['--disable-gpu'],
});
const { version } = JSON.parse(readFileSync(join(PACKAGES, 'onnxruntime-web', 'package.json')));
writeFileSync(join(out, 'versions.json'), JSON.stringify({ 'onnxruntime-web': version, chromium: browser.version() }));
const page = await browser.newPage();
let failure;
try {
  await page.route('**/*', answer);
  await page.goto(`${ORIGIN}/index.html`);
  await page.evaluate(load, bundle);
} catch (error) {
  failure = error;
}
for (const one of names) {
  const path = join(out, `${one}.npy`);
  try {
    if (failure) throw failure;
    writeFileSync(`${path}.part`, Buffer.from(await page.evaluate((name) => globalThis.runCase(name), one)));
    renameSync(`${path}.part`, path);
  } catch (error) {
    writeFileSync(join(out, `${one}.txt`), String(error));
  }
}
await browser.close();
process.exit(0);
