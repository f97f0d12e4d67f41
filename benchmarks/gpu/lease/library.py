"""The second step of a lease: prints the path of liblama_spectral. A prebuilt one that loads is taken as it is."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from benchmarks.gpu.lease.runner import NOTE
from benchmarks.gpu.lease.steps import ROOT
from lama_deploy.errors import KernelError
from lama_deploy.native.build import LIBRARY, LIBRARY_VARIABLE, built, named_path, visible_architectures
from lama_deploy.native.library import SpectralLibrary
from tests.kernel_build import build_kernels, has_nvcc


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("--emulated", action="store_true", help="the one whose kernels run on a CPU")
    emulated = p.parse_args().emulated
    try:
        path = prebuilt() or (_emulated() if emulated else built(LIBRARY, visible_architectures()))
        print(SpectralLibrary(path).path)
    except KernelError as error:
        print(error)
        return 1
    return 0


def prebuilt() -> Path | None:
    """What the variable names, if it is of this version; a note where it is not."""
    try:
        path = named_path(LIBRARY)
        return None if path is None else Path(SpectralLibrary(path).path)
    except KernelError as error:
        print(f"{NOTE}{os.environ[LIBRARY_VARIABLE]} is not used: {error}", flush=True)
        return None


def _emulated() -> Path:
    """KernelError where it cannot be compiled."""
    if not has_nvcc():
        raise KernelError("the emulated kernels need a CUDA toolkit's headers: pip install -r requirements-nvcc.txt")
    folder, target = ROOT / "build" / "rehearsal", "lama_spectral_emulated"
    try:
        build_kernels(folder, "-DLAMA_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=90", target=target)
    except (AssertionError, OSError) as error:
        print(error)
        raise KernelError("the emulated kernels did not compile; the log says why") from error
    return folder / "emulation" / f"lib{target}.so"


if __name__ == "__main__":
    sys.exit(main())
