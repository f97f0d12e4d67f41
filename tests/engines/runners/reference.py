"""The reference implementation in NumPy that comes with onnx."""

from common import serve
from onnx.reference import ReferenceEvaluator


def load(model):
    evaluator = ReferenceEvaluator(model)
    return lambda image, mask: evaluator.run(None, {"image": image, "mask": mask})[0]


if __name__ == "__main__":
    serve(load, "onnx", "numpy")
