"""The references that artefacts are held to. Needs torch."""

from __future__ import annotations

import torch

from lama_deploy.checkpoint import Checkpoint
from lama_deploy.runtime.torch_backend import TorchBackend


def oracle(checkpoint: Checkpoint) -> TorchBackend:
    """Eager PyTorch in float64 on the CPU."""
    return TorchBackend(checkpoint, device="cpu", dtype=torch.float64)


def eager(checkpoint: Checkpoint) -> TorchBackend:
    """Eager PyTorch in float32 on the CPU."""
    return TorchBackend(checkpoint, device="cpu")
