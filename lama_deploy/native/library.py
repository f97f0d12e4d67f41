"""The C ABI of liblama_spectral (kernels/include/lama/spectral.h) by ctypes, without torch.

Arguments are checked by the library, which words the errors; here only what ctypes or a wrong length would turn into
a crash or into another number.
"""

from __future__ import annotations

import ctypes
import os
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from types import TracebackType
from typing import Any, Self

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import KernelError
from lama_deploy.native.cuda_libraries import preload

ABI_VERSION = 2
DTYPES = ("float32", "float16", "bfloat16")
LAYOUTS = ("nchw", "nhwc")
BACKENDS = ("auto", "cufft", "tensor_core")
WORKSPACE_ALIGNMENT = 256  # bytes
OUT_OF_MEMORY, LIBRARY_MISSING = 5, 6  # LAMA_SPECTRAL_OUT_OF_MEMORY, LAMA_SPECTRAL_LIBRARY_MISSING


class KernelMemoryError(KernelError):
    """Not enough memory, of the device or the host."""


class MissingLibraryError(KernelError):
    """cuFFT, cuBLASLt, or a driver that is new enough for them, is not on this machine."""


@dataclass(frozen=True)
class Description:
    """What a plan computes: x and y of batch x channels x height x width, in memory in the order of `layout`.

    Each dimension at least 1. dtype: "float32", "float16" or "bfloat16", of every tensor. layout: "nchw" or "nhwc".
    backend: "auto", "cufft" or "tensor_core".
    """

    batch: int
    channels: int
    height: int
    width: int
    dtype: str = "float32"
    layout: str = "nchw"
    backend: str = "auto"


class _Desc(ctypes.Structure):
    _fields_ = [(name, ctypes.c_int32) for name in ("batch", "channels", "height", "width")] + [
        (name, ctypes.c_int) for name in ("dtype", "layout", "backend")
    ]


class _Arguments(ctypes.Structure):
    _fields_ = [(name, ctypes.c_void_p) for name in ("x", "weight", "bias", "residual", "y")]


class _FrameDesc(ctypes.Structure):
    _fields_ = [
        (name, ctypes.c_int32) for name in ("batch", "height", "width", "first_channels", "second_channels", "border")
    ] + [("dtype", ctypes.c_int), ("relu", ctypes.c_int32), ("accumulate", ctypes.c_int32), ("split", ctypes.c_int32)]


_DESC, _DOUBLES = ctypes.POINTER(_Desc), ctypes.POINTER(ctypes.c_double)
_SIZE, _HANDLE = ctypes.POINTER(ctypes.c_size_t), ctypes.c_void_p
# name without "lama_" -> (result, arguments)
_SIGNATURES: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "spectral_abi_version": (ctypes.c_int, ()),
    "spectral_status_string": (ctypes.c_char_p, (ctypes.c_int,)),
    "spectral_last_error": (ctypes.c_char_p, ()),
    "spectral_resolve": (ctypes.c_int, (_DESC, ctypes.c_int, ctypes.POINTER(ctypes.c_int))),
    "spectral_workspace_size": (ctypes.c_int, (_DESC, _SIZE)),
    "spectral_workspace_size_range": (ctypes.c_int, (_DESC, _DESC, _SIZE)),
    "spectral_create": (ctypes.c_int, (_DESC, ctypes.POINTER(_HANDLE))),
    "spectral_prepare": (ctypes.c_int, (_HANDLE,)),
    "spectral_plan_backend": (ctypes.c_int, (_HANDLE,)),
    "spectral_plan_workspace_size": (ctypes.c_size_t, (_HANDLE,)),
    "spectral_run": (
        ctypes.c_int,
        (_HANDLE, ctypes.POINTER(_Arguments), ctypes.c_void_p, ctypes.c_size_t, ctypes.c_void_p),
    ),
    "spectral_destroy": (None, (_HANDLE,)),
    "spectral_reference": (ctypes.c_int, (_DESC, _DOUBLES, _DOUBLES, _DOUBLES, _DOUBLES, _DOUBLES)),
    "frame_update": (ctypes.c_int, (ctypes.POINTER(_FrameDesc), *[ctypes.c_void_p] * 7)),
}


class SpectralLibrary:
    """A loaded liblama_spectral. Safe to use from several threads.

    KernelError: the file is no such library, or of another ABI version; later, whatever the library refuses.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        preload()
        self.path = os.fspath(path)
        try:
            self._functions = _bind(ctypes.CDLL(self.path))
        except OSError as error:
            raise KernelError(f"{self.path} cannot be loaded: {error}") from error
        except AttributeError as error:
            raise KernelError(f"{self.path} is no liblama_spectral: {error}") from error
        version = self._functions["spectral_abi_version"]()
        if version != ABI_VERSION:
            raise KernelError(
                f"{self.path} has ABI version {version}, this lama_deploy needs {ABI_VERSION}; "
                "build the one it ships: python -m lama_deploy.cli.build_kernels"
            )

    def workspace_size(self, description: Description) -> int:
        """Bytes that a run needs, whichever backend "auto" becomes. Needs no GPU."""
        size = ctypes.c_size_t()
        self._call("spectral_workspace_size", _desc(description), size)
        return size.value

    def workspace_size_range(self, smallest: Description, largest: Description) -> int:
        """Bytes enough for every plan whose batch, height and width lie between those two, which agree in all else."""
        size = ctypes.c_size_t()
        self._call("spectral_workspace_size_range", _desc(smallest), _desc(largest), size)
        return size.value

    def resolve(self, description: Description, compute_capability: int) -> str:
        """The backend that runs on a device of this compute capability (10 * major + minor). Needs no GPU."""
        backend = ctypes.c_int()
        self._call("spectral_resolve", _desc(description), compute_capability, backend)
        return BACKENDS[backend.value]

    def last_error(self) -> str:
        """The line of this thread's last failure; after a `prepare` that took another backend, what the first lacks."""
        return str(self._functions["spectral_last_error"]().decode())

    def plan(self, description: Description) -> SpectralPlan:
        """A plan, to be prepared on the device that will run it. Needs no GPU."""
        return SpectralPlan(self, description)

    def reference(
        self, description: Description, x: Array, weight: Array, bias: Array, residual: Array | None = None
    ) -> Array:
        """The definition by plain sums, in float64 on the host: slow, at any size, for checking.

        x and residual: (N, C, h, w), or (N, h, w, C) where the layout is "nhwc"; weight: (2C, 2C); bias: (2C,).
        The description's dtype and backend are ignored. Returns float64 of x's shape.
        """
        d = description
        tensor = (d.batch, d.height, d.width, d.channels) if d.layout == "nhwc" else _nchw(d)
        shapes = {"x": tensor, "weight": (2 * d.channels, 2 * d.channels), "bias": (2 * d.channels,)}
        inputs = [_doubles(n, a, s) for (n, s), a in zip(shapes.items(), (x, weight, bias), strict=True)]
        added = None if residual is None else _doubles("residual", residual, tensor)
        y = np.empty_like(inputs[0])
        self._call("spectral_reference", _desc(d), *map(_pointer, (*inputs, added, y)))
        return y

    def update_frame(
        self,
        batch: int,
        height: int,
        width: int,
        channels: tuple[int, int],
        border: int,
        dtype: str,
        addresses: tuple[int, int, int, int, int, int],
        *,
        relu: bool,
        accumulate: bool,
        split: int = 0,
        stream: int = 0,
    ) -> None:
        """lama_frame_update. channels: of first and second map.

        addresses: first, second, bias, frame, leading and rest, 0 for none.
        """
        number = _number("dtype", dtype, DTYPES)
        desc = _FrameDesc(batch, height, width, *channels, border, number, relu, accumulate, split)
        self._call("frame_update", desc, *addresses, stream)

    def _call(self, name: str, *arguments: Any) -> None:
        """A function that returns a status: KernelError with the library's own line unless it is OK."""
        status = self._functions[name](*arguments)
        if status:
            line = self.last_error() or self._functions["spectral_status_string"](status).decode()
            kinds = {OUT_OF_MEMORY: KernelMemoryError, LIBRARY_MISSING: MissingLibraryError}
            raise kinds.get(status, KernelError)(line)


class SpectralPlan:
    """One description's plan: prepare on the device, then run as often as wanted. Made by SpectralLibrary.plan.

    Freed by `close`, `with` or the garbage collector, none of which may come before its work is done.
    """

    def __init__(self, library: SpectralLibrary, description: Description) -> None:
        handle = _HANDLE()
        library._call("spectral_create", _desc(description), handle)
        self._library = library
        self._handle = handle
        self._finalizer: Any = weakref.finalize(self, library._functions["spectral_destroy"], handle)

    @property
    def backend(self) -> str:
        """The backend that `prepare` chose; "auto" before."""
        return BACKENDS[self._library._functions["spectral_plan_backend"](self._open_handle())]

    @property
    def workspace_bytes(self) -> int:
        """What a run needs: before `prepare` whichever backend it chooses, after it no more than the chosen one."""
        return int(self._library._functions["spectral_plan_workspace_size"](self._open_handle()))

    def prepare(self) -> None:
        """Choose the implementation for the current CUDA device and upload its constants. Not during a capture."""
        self._library._call("spectral_prepare", self._open_handle())

    def run(
        self,
        x: int,
        weight: int,
        bias: int,
        y: int,
        *,
        workspace: int,
        workspace_bytes: int,
        residual: int = 0,
        stream: int = 0,
    ) -> None:
        """Enqueue on `stream` (a cudaStream_t of the plan's device). Everything but the byte count is an address there.

        Tensors are aligned to 16 bytes, the workspace to 256; residual 0 means none. y may be residual or x, but not
        overlap x otherwise.
        """
        arguments = _Arguments(x, weight, bias, residual, y)
        self._library._call("spectral_run", self._open_handle(), arguments, workspace, workspace_bytes, stream)

    def close(self) -> None:
        """Free what `prepare` made. A second call does nothing."""
        self._finalizer()

    def free_by(self, take: Callable[[Callable[[], object]], object]) -> None:
        """When nobody has the plan any more, give `take` what frees it, instead of freeing it there and then."""
        _, free, arguments, _ = self._finalizer.detach()
        self._finalizer = weakref.finalize(self, take, partial(free, *arguments))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def _open_handle(self) -> ctypes.c_void_p:
        if not self._finalizer.alive:
            raise KernelError("this plan is closed; make another one by SpectralLibrary.plan")
        return self._handle


def _bind(library: ctypes.CDLL) -> dict[str, Any]:
    functions = {name: getattr(library, f"lama_{name}") for name in _SIGNATURES}
    for name, (result, arguments) in _SIGNATURES.items():
        functions[name].restype, functions[name].argtypes = result, arguments
    return functions


def _desc(d: Description) -> _Desc:
    for name, value in zip(("batch", "channels", "height", "width"), _nchw(d), strict=True):
        if not -(2**31) <= value < 2**31:  # ctypes would keep the lower 32 bits and say nothing
            raise KernelError(f"{name} is {value}; each dimension is below 2^31")
    choices = {"dtype": (d.dtype, DTYPES), "layout": (d.layout, LAYOUTS), "backend": (d.backend, BACKENDS)}
    return _Desc(*_nchw(d), *(_number(name, *choice) for name, choice in choices.items()))


def _nchw(d: Description) -> tuple[int, int, int, int]:
    return d.batch, d.channels, d.height, d.width


def _number(name: str, value: str, allowed: tuple[str, ...]) -> int:
    if value not in allowed:
        raise KernelError(f"{name} is {value!r}; choose from {', '.join(allowed)}")
    return allowed.index(value)


def _doubles(name: str, array: Array, shape: tuple[int, ...]) -> Array:
    doubles = np.ascontiguousarray(array, np.float64)
    if doubles.shape != shape:
        raise KernelError(f"{name} is of shape {doubles.shape}; this description needs {shape}")
    return doubles


def _pointer(array: Array | None) -> Any:
    return None if array is None else array.ctypes.data_as(_DOUBLES)
