"""The references that artefacts are held to. Needs torch."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.runtime.backends.torch_eager import TorchBackend


def oracle(checkpoint: Checkpoint) -> TorchBackend:
    """Eager PyTorch in float64 on the CPU."""
    return TorchBackend(checkpoint, device="cpu", dtype=torch.float64)


def eager(checkpoint: Checkpoint) -> TorchBackend:
    """Eager PyTorch in float32 on the CPU."""
    return TorchBackend(checkpoint, device="cpu")


@contextmanager
def exact_float32() -> Iterator[None]:
    """Float32 convolutions of PyTorch on a GPU without TF32, its default, which keeps 10 bits."""
    with torch.backends.cudnn.flags(enabled=True, allow_tf32=False):
        yield
