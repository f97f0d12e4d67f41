"""A machine on which `lama-export --to trt` builds, inspects, runs and refits: all of it emulated."""

from pathlib import Path
from typing import Any

import cuda.bindings
import pytest

import lama_deploy.runtime.backends.tensorrt as backend_module
import lama_deploy.tensorrt.engine as engine_module
import lama_export.tensorrt.target as target_module
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions
from lama_export.engine_options import EngineOptions, Profile
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_tensorrt import emulated_module
from tests.lama_export.tensorrt.emulated_builder import with_builder

CONFIG = GeneratorConfig(width=8, blocks=1)
SMALL = [Profile.parse("16:32:64")]


def emulated_trt(store: Path, monkeypatch: pytest.MonkeyPatch, *, devices: int = 1, **builder: Any) -> Any:
    """The module that is then opened as `tensorrt`. store: an empty folder for its models."""
    driver = EmulatedDriver(devices)
    store.mkdir()
    module = with_builder(emulated_module(driver), store, **builder)
    module.driver = driver
    monkeypatch.setattr(cuda.bindings, "driver", driver)
    monkeypatch.setattr(backend_module, "driver", driver)
    for user in (engine_module, target_module):
        monkeypatch.setattr(user, "open_tensorrt", lambda target: module)
    return module


def tiny(folder: Path, seed: int = 1, config: GeneratorConfig = CONFIG) -> Checkpoint:
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config, seed=seed).state_dict().items()}
    save_checkpoint(folder / f"{seed}.safetensors", config, state)
    return load_checkpoint(folder / f"{seed}.safetensors")


def options(precision: Any = "fp32", **engine: Any) -> ExportOptions:
    """Of an export whose ONNX file is compared at one size."""
    made = EngineOptions(**({"profiles": SMALL} | engine))
    return ExportOptions(
        target="trt", precision=precision, spectral="inline", engine=made, parity_subjects=[Size(16, 16)]
    )
