"""The kernel library of a device, found or built once a process."""

from __future__ import annotations

import logging
from contextlib import nullcontext
from functools import cache
from threading import Lock

import torch

from lama_deploy.errors import KernelError
from lama_deploy.native.build import library_path
from lama_deploy.native.library import SpectralLibrary

log = logging.getLogger(__name__)
_LOADING = Lock()


def library_of(device: torch.device, *, required: bool) -> SpectralLibrary | None:
    """liblama_spectral for a CUDA device. Where it cannot be had: KernelError if `required`, else None."""
    with _LOADING:
        found = _working(device)
    if isinstance(found, SpectralLibrary):
        return found
    if required:
        raise found
    warn_once(str(found))
    return None


@cache
def warn_once(reason: str, wanted: str = "kernel of liblama_spectral", instead: str = "PyTorch's operators") -> None:
    """That something else computes what the wanted kernel should, and why: each reason once a process."""
    log.warning("no %s; %s compute instead, right and perhaps slower: %s", wanted, instead, reason)


@cache
def _working(device: torch.device) -> SpectralLibrary | KernelError:
    """The error too is kept: a build that failed is not tried again with every call."""
    try:
        library = _library(_architecture(device))
        _launch(library, device)
        return library
    except KernelError as error:
        return error


@cache
def _architecture(device: torch.device) -> str:
    return "".join(map(str, torch.cuda.get_device_capability(device)))


@cache
def _library(architecture: str) -> SpectralLibrary:
    return SpectralLibrary(library_path(architecture))


def _launch(library: SpectralLibrary, device: torch.device) -> None:
    """The smallest kernel: a driver too old for the library, or a GPU that it has no code for, shows here."""
    on_gpu = device.type == "cuda"
    with torch.cuda.device(device) if on_gpu else nullcontext():
        pixel = torch.zeros(1, 8, 1, 1, dtype=torch.float16, device=device)
        at, stream = pixel.data_ptr(), torch.cuda.current_stream().cuda_stream if on_gpu else 0
        pointers = (at, 0, 0, at, 0, 0)
        library.update_frame(1, 1, 1, (8, 0), 0, "float16", pointers, relu=True, accumulate=False, stream=stream)
