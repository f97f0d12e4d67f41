"""tinygrad's ONNX frontend, on the CPU."""

import numpy as np
from common import serve
from tinygrad import Tensor
from tinygrad.nn.onnx import OnnxRunner


def load(model):
    runner = OnnxRunner(model)
    return lambda image, mask: np.asarray(runner({"image": Tensor(image), "mask": Tensor(mask)})["result"].numpy())


if __name__ == "__main__":
    serve(load, "tinygrad", "numpy")
