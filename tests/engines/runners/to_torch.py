"""onnx2torch: the file as a PyTorch module."""

import onnx2torch
import torch
from common import serve


def load(model):
    module = onnx2torch.convert(model).eval()

    @torch.no_grad()
    def run(image, mask):
        return module(torch.from_numpy(image), torch.from_numpy(mask)).numpy()

    return run


if __name__ == "__main__":
    serve(load, "onnx2torch", "torch", "onnx")
