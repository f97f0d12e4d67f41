"""ONNX Runtime on the CPU, of any version."""

import onnxruntime
from common import serve


def load(model):
    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    return lambda image, mask: session.run(None, {"image": image, "mask": mask})[0]


if __name__ == "__main__":
    serve(load, "onnxruntime", "numpy")
