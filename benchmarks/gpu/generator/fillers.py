"""The ways to run a generator that `run.py` compares."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from benchmarks.composite import Composite, InHalf
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.runtime.backends.torch_fused import CudaBackend

EAGER, EAGER_AGAIN = "eager fp32", "eager fp32, again"
COMPILED = ("torch.compile fp16", "torch.compile bf16")
OURS = {"ours fp16": "fp16", "ours bf16": "bf16", "ours fp32": "fp32"}
# Seconds that each may take, in the order of their importance: the budget may not reach the last.
LIMITS = {
    EAGER: 60,
    "ours fp16": 90,
    "torch.compile fp16": 110,
    "ours bf16": 60,
    "torch.compile bf16": 110,
    "eager fp32, TF32": 60,
    "ours fp32": 60,
    EAGER_AGAIN: 60,  # the spread between two processes that do the same
}
ON_CPU = (EAGER, "ours bf16", "ours fp32")  # what a smoke test without a GPU runs
HALF = {"fp16": "float16", "bf16": "bfloat16"}


@dataclass(frozen=True)
class Filler:
    """on_device: image (N, 3, H, W) in [0, 1] and mask (N, 1, H, W) of 0 and 1, float32, to the composite, float32.

    on_host: as Backend.run; None where it is not compared.
    """

    on_device: Callable[[Tensor, Tensor], Tensor]
    on_host: Callable[[Array, Array], Array] | None = None


def filler(candidate: str, checkpoint: Checkpoint, device: str) -> Filler:
    """A candidate of LIMITS. Sets this process's switches for it: one candidate a process. ValueError: unknown."""
    if candidate not in LIMITS:
        raise ValueError(f"no candidate {candidate!r}; known: {', '.join(LIMITS)}")
    if candidate in OURS:
        # One graph is kept, so that the peak of a case holds no other case's.
        backend = CudaBackend(checkpoint, device=device, precision=OURS[candidate], graphs=1)
        return Filler(backend.inpaint, backend.run)
    torch.backends.cudnn.benchmark = True  # as ours: cuDNN times its algorithms
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = "TF32" in candidate
    eager = TorchBackend(checkpoint, device=device)
    if candidate not in COMPILED:
        return Filler(Composite(eager.generator), eager.run)
    half = InHalf(eager.generator, getattr(torch, HALF[precision_of(candidate)]))
    if device == "cpu":  # a rehearsal: traced, which is where most goes wrong, without minutes of a C++ compiler
        return Filler(torch.compile(Composite(half), backend="eager", dynamic=False))
    return Filler(torch.compile(Composite(half), mode="reduce-overhead", dynamic=False))


def precision_of(candidate: str) -> str:
    """Of the tolerance table. TF32 has the digits of fp16."""
    if "TF32" in candidate:
        return "fp16"
    return next(precision for precision in ("fp16", "bf16", "fp32") if precision in candidate)
