"""What tests of the fused backend share, and an emulated GPU for those of engines."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

import lama_deploy.runtime.tensorrt_backend as tensorrt_backend
import lama_deploy.runtime.tensorrt_engine as tensorrt_engine
from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.proof.scenes import scene
from lama_deploy.runtime import half_scales
from tests.lama_deploy.runtime.emulated_cuda import EmulatedDriver
from tests.lama_deploy.runtime.emulated_machine import Machine
from tests.lama_deploy.runtime.emulated_tensorrt import emulated_module


@pytest.fixture(scope="module")
def small_calibration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two small pictures instead of nine large ones, and a cache of their own for what is measured on them."""
    images, masks = scene(96, 128, 2, seed=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("scales")))
        patch.setattr(half_scales, "CalibrationSet", lambda: list(zip(images, masks, strict=True)))
        yield


@pytest.fixture
def machine(
    request: pytest.FixtureRequest, bundles: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Machine:
    """Its TensorRT is TensorRT-RTX where the parameter is "rtx"."""
    driver = EmulatedDriver()
    trt = emulated_module(driver, rtx=getattr(request, "param", "trt") == "rtx")
    monkeypatch.setattr(tensorrt_backend, "driver", driver)
    monkeypatch.setattr(tensorrt_engine, "open_tensorrt", lambda target: trt)
    return Machine(driver, trt, bundles, tmp_path)
