"""The references that artefacts are held to. Needs torch."""

from __future__ import annotations

import torch

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.model.exact_float32 import exact_float32
from lama_deploy.proof.wide_convolutions import replace_wide
from lama_deploy.runtime.backends.torch_eager import TorchBackend


class ReferenceBackend(TorchBackend):
    """Whatever the process lets float32 products round to: what is off by that would let an artefact be off by more."""

    def run(self, images: Array, masks: Array) -> Array:
        with exact_float32():
            return super().run(images, masks)


def oracle(checkpoint: Checkpoint) -> TorchBackend:
    """Eager PyTorch in float64 on the CPU."""
    backend = ReferenceBackend(checkpoint, device="cpu", dtype=torch.float64)
    replace_wide(backend.generator)
    return backend


def eager(checkpoint: Checkpoint) -> TorchBackend:
    """Eager PyTorch in float32 on the CPU."""
    return ReferenceBackend(checkpoint, device="cpu")
