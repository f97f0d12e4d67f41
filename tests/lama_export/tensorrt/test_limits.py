"""What TensorRT-RTX cannot build is one line before the work, and what it can build is built."""

import re
from typing import Any

import pytest
import torch

from lama_deploy.errors import ConfigError
from lama_export import ExportOptions
from lama_export.engine_options import EngineOptions
from lama_export.tensorrt.target import require_tensorrt

NO_GPU = pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")


@pytest.mark.trt
@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"version_compatible": True}, "builds no version-compatible engines: leave out --version-compatible"),
        ({"hardware": "ampere+"}, "has no --hardware-compatibility: name each GPU that is to run it by --compute-cap"),
        pytest.param({"refit": True}, "builds refittable engines only with a GPU and its driver", marks=NO_GPU),
        pytest.param({"strip_weights": True}, "only with a GPU and its driver, and there is none", marks=NO_GPU),
        pytest.param({"device": 0}, "--device 0: an engine needs an NVIDIA GPU, and there is none", marks=NO_GPU),
    ],
)
def test_rtx_says_what_it_cannot_do(asked: dict[str, Any], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        require_tensorrt(ExportOptions(target="trt-rtx", spectral="inline", engine=EngineOptions(**asked)))


@pytest.mark.trt
def test_rtx_takes_the_rest() -> None:
    asked = EngineOptions(profiling="none", aux_streams=0, verbose=True, prove=False)
    require_tensorrt(ExportOptions(target="trt-rtx", spectral="inline", engine=asked))
