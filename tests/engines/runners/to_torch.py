"""onnx2torch: the file as a PyTorch module."""

import sys
from unittest.mock import MagicMock

import torch
from common import serve


def load(model):
    # For operators that no file of ours has. Its builds fit one build of torch each, and pip mixes them.
    sys.modules |= {"torchvision": MagicMock(), "torchvision.ops": MagicMock()}
    import onnx2torch

    module = onnx2torch.convert(model).eval()

    @torch.no_grad()
    def run(image, mask):
        return module(torch.from_numpy(image), torch.from_numpy(mask)).numpy()

    return run


if __name__ == "__main__":
    serve(load, "onnx2torch", "torch", "onnx")
