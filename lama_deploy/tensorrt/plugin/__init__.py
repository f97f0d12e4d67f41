"""The plugin in TensorRT's registry: a library, or Python over the same kernels."""
