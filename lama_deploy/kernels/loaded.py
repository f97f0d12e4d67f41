"""The kernel library of a device, found or built once a process."""

from __future__ import annotations

import logging
from functools import cache
from threading import Lock

import torch

from lama_deploy.errors import KernelError
from lama_deploy.kernels.build import library_path
from lama_deploy.kernels.library import SpectralLibrary

log = logging.getLogger(__name__)
_LOADING = Lock()


def library_of(device: torch.device, *, required: bool) -> SpectralLibrary | None:
    """liblama_spectral for a CUDA device. Where it cannot be had: KernelError if `required`, else None."""
    architecture = _architecture(device)
    with _LOADING:
        return _library(architecture) if required else _library_or_none(architecture)


@cache
def _architecture(device: torch.device) -> str:
    return "".join(map(str, torch.cuda.get_device_capability(device)))


@cache
def _library(architecture: str) -> SpectralLibrary:
    return SpectralLibrary(library_path(architecture))


@cache
def _library_or_none(architecture: str) -> SpectralLibrary | None:
    try:
        return _library(architecture)
    except KernelError as error:
        log.warning("no kernel library; PyTorch's own operators compute instead, right and slower: %s", error)
        return None
