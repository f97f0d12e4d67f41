"""TensorRT and TensorRT-RTX as this machine has them: the modules, and the plugin in their registry."""
