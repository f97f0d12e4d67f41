"""Makes cuFFT and cuBLASLt of the installed NVIDIA wheels loadable by their sonames, as liblama_spectral loads them."""

from __future__ import annotations

import ctypes
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path

# In the order in which liblama_spectral tries them.
SONAMES = (("libcublasLt.so.13", "libcublasLt.so.12"), ("libcufft.so.12", "libcufft.so.11"))
WHEEL_FOLDERS = ("cu13/lib", "cublas/lib", "cufft/lib")


def preload() -> list[str]:
    """Load each library that liblama_spectral will ask for; return the newest names of those that are nowhere.

    That is for the library to report when it needs one: its tensor-core transforms need none.
    """
    return [
        sonames[0]
        for sonames in SONAMES
        if not any(_loads(candidate) for soname in sonames for candidate in (soname, *_in_wheels(soname)))
    ]


def wheel_roots() -> list[Path]:
    """The `nvidia` folders of this Python's packages; none where no NVIDIA wheel is installed."""
    spec = find_spec("nvidia")
    return [Path(folder) for folder in (spec.submodule_search_locations or ())] if spec else []


def _in_wheels(soname: str) -> Iterator[str]:
    for root in wheel_roots():
        yield from (str(root / folder / soname) for folder in WHEEL_FOLDERS if (root / folder / soname).is_file())


def _loads(name: str) -> bool:
    with suppress(OSError):
        ctypes.CDLL(name, mode=ctypes.RTLD_GLOBAL)
        return True
    return False
