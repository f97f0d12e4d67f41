"""Runs liblama_spectral on torch tensors: prepared plans kept between calls, layouts and alignment made to fit."""

from __future__ import annotations

import weakref
from collections import OrderedDict
from threading import Lock

import torch
from torch import Tensor

from lama_deploy.errors import KernelError
from lama_deploy.native.library import WORKSPACE_ALIGNMENT, Description, SpectralLibrary, SpectralPlan

DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
ALIGNMENT = 16  # of tensors, in bytes: every allocator gives it, but a view may start anywhere


class PlanCache:
    """Prepared plans by device and description, the longest unused one dropped beyond `capacity`. Thread-safe."""

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._plans: OrderedDict[tuple[torch.device, Description], SpectralPlan] = OrderedDict()
        self._captured: set[SpectralPlan] = set()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, library: SpectralLibrary, device: torch.device, description: Description) -> SpectralPlan:
        """The plan, prepared on `device`, which is the current one. A plan in use outlives its place here."""
        capturing = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        key = device, description
        with self._lock:
            plan = self._plans.get(key)
            if plan is None and capturing:
                raise KernelError(
                    f"no plan yet for {description}; run spectral_conv once before capturing a CUDA graph"
                )
            if plan is None:
                plan = self._plans[key] = _prepared(library, device, description)
            self._plans.move_to_end(key)
            if capturing:
                self._captured.add(plan)  # the graph keeps the addresses of its constants, for how long nobody says
            if len(self._plans) > self._capacity:
                self._plans.popitem(last=False)
            return plan


def _prepared(library: SpectralLibrary, device: torch.device, description: Description) -> SpectralPlan:
    plan = library.plan(description)
    plan.prepare()
    if device.type == "cuda":  # of several finalizers the youngest comes first: work ends before its plan does
        weakref.finalize(plan, torch.cuda.synchronize, device)
    return plan


def run_on_library(
    library: SpectralLibrary,
    plans: PlanCache,
    x: Tensor,
    weight: Tensor,
    bias: Tensor,
    residual: Tensor | None,
    backend: str,
) -> Tensor:
    """The Fourier unit of checked tensors by liblama_spectral, on the current stream of x's device.

    Shapes as `op.spectral_conv`; float32, float16 or bfloat16. Returns x's memory format.
    """
    memory_format = memory_format_of(x)
    x, *others = (_aligned(t.contiguous(memory_format=memory_format)) for t in (x, *_given(residual)))
    weight, bias = (_aligned(t.contiguous()) for t in (weight, bias))
    layout = "nhwc" if memory_format is torch.channels_last else "nchw"
    n, c, h, w = x.shape
    description = Description(n, c, h, w, DTYPES[x.dtype], layout, backend)
    plan = plans.get(library, x.device, description)
    workspace, y = _workspace(plan.workspace_bytes, x.device), torch.empty_like(x)
    plan.run(
        *(t.data_ptr() for t in (x, weight, bias, y)),
        residual=others[0].data_ptr() if others else 0,
        workspace=workspace.data_ptr(),
        workspace_bytes=workspace.numel(),
        stream=torch.cuda.current_stream().cuda_stream if x.is_cuda else 0,
    )
    return y


def memory_format_of(x: Tensor) -> torch.memory_format:
    """channels_last for it and for its slices along the channels, contiguous for all else.

    Where both are true (one channel, or one pixel) the bytes are the same.
    """
    return torch.channels_last if not x.is_contiguous() and x.stride(1) == 1 else torch.contiguous_format


def _given(residual: Tensor | None) -> tuple[Tensor, ...]:
    return () if residual is None else (residual,)


def _workspace(size: int, device: torch.device) -> Tensor:
    """`size` bytes that start at a multiple of WORKSPACE_ALIGNMENT, whichever allocator torch was given."""
    memory = torch.empty(size + WORKSPACE_ALIGNMENT, dtype=torch.uint8, device=device)
    start = -memory.data_ptr() % WORKSPACE_ALIGNMENT
    return memory[start : start + size]


def _aligned(x: Tensor) -> Tensor:
    return x if x.data_ptr() % ALIGNMENT == 0 else x.clone()
