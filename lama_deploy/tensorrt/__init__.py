"""TensorRT and TensorRT-RTX as this machine has them: modules, engines, contexts, streams, the plugin."""
