"""Runs liblama_spectral on torch tensors: prepared plans kept between calls, layouts and alignment made to fit."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from threading import Lock

import torch
from torch import Tensor

from lama_deploy.errors import KernelError
from lama_deploy.native.captures import CAPTURING, keep
from lama_deploy.native.library import (
    WORKSPACE_ALIGNMENT,
    Description,
    KernelMemoryError,
    SpectralLibrary,
    SpectralPlan,
)
from lama_deploy.native.loaded import warn_once

DTYPES = {torch.float32: "float32", torch.float16: "float16", torch.bfloat16: "bfloat16"}
Key = tuple[torch.device, Description]
ALIGNMENT = 16  # of tensors, in bytes: every allocator gives it, but a view may start anywhere


class UnpreparedError(KernelError):
    """The library cannot compute this description on this device; PyTorch can."""


class PlanCache:
    """Prepared plans by device and description, the longest unused one dropped beyond `capacity`. Thread-safe.

    A plan in use outlives its place here, and a captured one its graph. Where that is a graph of the user's own
    (captured outside `captures.kept`), nobody says when it goes, and the plan is kept for good.
    """

    def __init__(self, capacity: int = 64) -> None:
        self._capacity = capacity
        self._plans: OrderedDict[Key, SpectralPlan | UnpreparedError] = OrderedDict()
        self._kept_for_good: set[SpectralPlan] = set()
        self._unused: list[tuple[torch.device, Callable[[], object]]] = []  # what frees plans that nobody has any more
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._plans)

    def get(self, library: SpectralLibrary, device: torch.device, description: Description) -> SpectralPlan:
        """The plan, prepared on `device`, which is the current one.

        Raises UnpreparedError, also of an earlier try; KernelMemoryError; KernelError in a capture that has no plan.
        """
        key = device, description
        capturing = device.type == "cuda" and torch.cuda.is_current_stream_capturing()
        if not capturing:
            self._free_unused()
        plan = self._found(key)
        if plan is None:
            if capturing:
                raise KernelError(
                    f"no plan yet for {description}; run spectral_conv once before capturing a CUDA graph"
                )
            plan = self._made(library, key)
        if isinstance(plan, UnpreparedError):
            raise plan
        if capturing and not keep(plan):
            self._kept_for_good.add(plan)
        return plan

    def _found(self, key: Key) -> SpectralPlan | UnpreparedError | None:
        with self._lock:
            plan = self._plans.get(key)
            if plan is not None:
                self._plans.move_to_end(key)
            return plan

    def _made(self, library: SpectralLibrary, key: Key) -> SpectralPlan | UnpreparedError:
        with CAPTURING:  # to prepare allocates and waits
            plan = self._found(key)  # another thread may have made it while this one waited
            if plan is None:
                plan = self._prepared(library, *key)
                with self._lock:
                    self._plans[key] = plan
                    if len(self._plans) > self._capacity:
                        self._plans.popitem(last=False)
        return plan

    def _prepared(
        self, library: SpectralLibrary, device: torch.device, description: Description
    ) -> SpectralPlan | UnpreparedError:
        try:
            plan = library.plan(description)
            try:
                plan.prepare()
            except KernelMemoryError:
                if device.type != "cuda":
                    raise
                torch.cuda.empty_cache()  # PyTorch holds what its tensors have given back
                plan.prepare()
        except KernelMemoryError:
            raise
        except KernelError as error:
            return UnpreparedError(str(error))
        if device.type == "cuda":
            _say_if_other(library, plan, description, device)
            plan.free_by(lambda free: self._unused.append((device, free)))
        return plan

    def _free_unused(self) -> None:
        """Here rather than where the last user goes, which may be anywhere, in a capture too. Only if nobody waits."""
        if not self._unused or not CAPTURING.acquire(blocking=False):
            return
        try:
            unused = []
            while self._unused:  # others may add meanwhile
                unused.append(self._unused.pop())
            for device in {device for device, _ in unused}:
                torch.cuda.synchronize(device)
            for device, free in unused:
                with torch.cuda.device(device):  # cuFFT and cuBLASLt destroy handles on the current one
                    free()
        finally:
            CAPTURING.release()


def _say_if_other(library: SpectralLibrary, plan: SpectralPlan, description: Description, device: torch.device) -> None:
    """Where "auto" took the other implementation, because the first lacks something."""
    reason, (major, minor) = library.last_error(), torch.cuda.get_device_capability(device)
    if description.backend == "auto" and plan.backend != library.resolve(description, 10 * major + minor):
        units = ["cuFFT kernels", "tensor-core kernels"]
        instead, wanted = reversed(units) if plan.backend == "tensor_core" else units
        warn_once(reason, wanted, instead)


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
