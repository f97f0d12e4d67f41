"""Float32 that is float32: PyTorch's switches for TF32 and bfloat16 products, in both of its APIs, in one place.

By default cuDNN's convolutions keep 10 bits of what goes into a product, and a user may allow the same of matrix
products, or bfloat16 on a CPU. The old API (`allow_tf32`, `set_float32_matmul_precision`) and the one of PyTorch 2.9
(`fp32_precision`) share their state, and asking the old one raises where the new one said something that it cannot
express. Kernels ask the new one, where there is one. Here torch._C's functions are called, which `torch.backends`
wraps: they also work after `torch.backends.disable_global_flags()`. Source: PyTorch's notes "TensorFloat-32", and its
Context.cpp.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import partial

import torch

OPERATIONS = tuple((engine, what) for engine in ("cuda", "mkldnn") for what in ("matmul", "conv", "rnn"))
ROUNDED = ("tf32", "bf16")
HAS_NEW_SWITCHES = hasattr(torch._C, "_set_fp32_precision_setter")

_switches = threading.RLock()  # they are the process's: one thread changes them and sets them back at a time


@contextmanager
def exact_float32(*, search: bool | None = None) -> Iterator[None]:
    """Inside, float32 convolutions and matrix products round to float32 alone, and float16 ones do not sum in float16.

    cuDNN takes algorithms whose results are the same in every run: on an H200 the fastest of float32 were not. Only
    partial sums of cuBLAS still may (`allow_fp16_reduced_precision_reduction`, PyTorch's default). Whatever the
    user allowed; all that he can ask of PyTorch's switches reads as before when it ends.

    search: whether cuDNN times its algorithms for new shapes; None: as it is. Other threads wait to enter.
    """
    with _switches:
        benchmark, precisions = torch._C._get_cudnn_benchmark(), _precisions()
        deterministic = torch._C._get_cudnn_deterministic()
        undo = list(_leave_old_switches())
        for operation, precision in _precisions().items():
            if precision in ROUNDED:
                torch._C._set_fp32_precision_setter(*operation, "ieee")
        torch._C._set_cudnn_benchmark(benchmark if search is None else search)
        torch._C._set_cudnn_deterministic(True)
        try:
            yield
        finally:
            torch._C._set_cudnn_benchmark(benchmark)
            torch._C._set_cudnn_deterministic(deterministic)
            for step in undo:
                step()
            for operation, precision in precisions.items():  # after the old ones, which write to the same state
                _set_back(operation, precision)


def _precisions() -> dict[tuple[str, str], str]:
    """Of each operation, its own or what it inherits."""
    return {one: torch._C._get_fp32_precision_getter(*one) for one in OPERATIONS} if HAS_NEW_SWITCHES else {}


def _leave_old_switches() -> Iterator[Callable[[], None]]:
    """Those that answer: of what the new API alone can express, the old one must not be asked."""
    with suppress(RuntimeError):
        yield partial(torch._C._set_cudnn_allow_tf32, torch._C._get_cudnn_allow_tf32())
        torch._C._set_cudnn_allow_tf32(False)
    with suppress(RuntimeError):
        yield partial(torch.set_float32_matmul_precision, torch.get_float32_matmul_precision())
        torch.set_float32_matmul_precision("highest")
    with suppress(AttributeError):  # since PyTorch 2.7: float16 products that are summed in float16
        yield partial(torch._C._set_cublas_allow_fp16_accumulation, torch._C._get_cublas_allow_fp16_accumulation())
        torch._C._set_cublas_allow_fp16_accumulation(False)


def _set_back(operation: tuple[str, str], precision: str) -> None:
    """To inheriting it, where that gives the same: what the user changes there later must arrive here."""
    torch._C._set_fp32_precision_setter(*operation, "none")
    if torch._C._get_fp32_precision_getter(*operation) != precision:
        torch._C._set_fp32_precision_setter(*operation, precision)
