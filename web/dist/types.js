export const PROVIDERS = ["auto", "wasm", "webgpu"];
