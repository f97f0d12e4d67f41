"""The kernel library of a device, found or built once a process."""

from __future__ import annotations

import logging
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
        found = _library(_architecture(device))
    if isinstance(found, SpectralLibrary):
        return found
    if required:
        raise found
    _warn(str(found))
    return None


@cache
def _architecture(device: torch.device) -> str:
    return "".join(map(str, torch.cuda.get_device_capability(device)))


@cache
def _library(architecture: str) -> SpectralLibrary | KernelError:
    """The error too is kept: a build that failed is not tried again with every call."""
    try:
        return SpectralLibrary(library_path(architecture))
    except KernelError as error:
        return error


@cache
def _warn(reason: str) -> None:
    log.warning("no kernel library; PyTorch's own operators compute instead, right and slower: %s", reason)
