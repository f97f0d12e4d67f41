"""The GPU that an engine is built and proven on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from lama_deploy.errors import ConfigError, EngineError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.tensorrt.cuda_driver import Cuda


@contextmanager
def on_device(device: int | None) -> Iterator[None]:
    """That GPU's context is current on this thread, where TensorRT builds and runs; None leaves it as it is.

    Raises ConfigError where there is no such GPU, MissingDependencyError without cuda-python.
    """
    if device is None:
        yield
        return
    with _cuda(device).current():
        yield


def require_device(device: int | None) -> None:
    """Raise what `on_device` would."""
    with on_device(device):
        pass


def _cuda(device: int) -> Cuda:
    try:
        from cuda.bindings import driver

        return Cuda(driver, device)
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"--device needs cuda-python: {install('tensorrt')}") from error
    except EngineError as error:
        raise ConfigError(f"--device {device}: {error}") from error
