"""What TensorRT times against each other: the implementations of a Fourier unit, as kernels/plugin has them."""

from __future__ import annotations

from typing import Any

from lama_deploy.errors import KernelError
from lama_deploy.native.library import BACKENDS, SpectralLibrary
from lama_deploy.tensorrt.plugin.plans import ContextPlans
from lama_deploy.tensorrt.plugin.tensors import TensorReader

AUTO = 0  # of BACKENDS; no tactic has the number 0, which is TensorRT's for "none was chosen"


def valid_tactics(library: SpectralLibrary, tensors: TensorReader, plans: ContextPlans, x: Any) -> list[int]:
    """Indices of BACKENDS that compute every shape of x's profile, on this GPU and with the libraries that are here.

    A tactic that fails when it is timed would end the build.
    """
    return [number for number in range(1, len(BACKENDS)) if _computes(BACKENDS[number], library, tensors, plans, x)]


def _computes(backend: str, library: SpectralLibrary, tensors: TensorReader, plans: ContextPlans, x: Any) -> bool:
    try:
        library.workspace_size(tensors.describe(x.desc, x.max, backend))
        plans.get(tensors.describe(x.desc, x.opt, backend))
    except KernelError:
        return False
    return True
