"""Refinement around an opened backend, if it is asked for; torch is loaded only then."""

from __future__ import annotations

from lama_deploy.runtime.backend import Backend
from lama_deploy.runtime.refine_options import RefineOptions, refine_options


def refined(backend: Backend, refine: bool | RefineOptions | None) -> Backend:
    """The backend itself where nothing is to be refined. Raises LamaDeployError for one that cannot."""
    options = refine_options(refine, backend.name)
    if options is None:
        return backend
    from lama_deploy.runtime.backends.torch_eager import TorchBackend
    from lama_deploy.runtime.backends.torch_refined import RefinedBackend

    assert isinstance(backend, TorchBackend)  # by its name
    return RefinedBackend(backend, options)
