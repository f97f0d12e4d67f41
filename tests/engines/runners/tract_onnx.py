"""tract, a Rust engine, by its Python package."""

import tract
from common import serve


def load(model):
    runnable = tract.onnx().load(model).into_model().into_runnable()
    return lambda image, mask: runnable.run([image, mask])[0].to_numpy()


if __name__ == "__main__":
    serve(load, "tract", "numpy")
