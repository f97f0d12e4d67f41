"""All of big-lama, of seeded weights, as TensorRT-RTX builds it for the default profiles, with and without our plugin.

What its files compute is proven of smaller generators.
"""

import json
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx
import pytest

from lama_deploy.model import seeded_generator
from lama_deploy.variants import VARIANTS
from lama_export.graph.model import onnx_from_state
from tests.kernel_build import ROOT

PROFILES = 2
UNITS = 36
BYTES = {"fp32": 4, "fp16": 2}
BUILD = """
import json, sys
from pathlib import Path
import onnx
from lama_export.options import ExportOptions
from lama_export.engine_options import EngineOptions
from lama_export.tensorrt.target import write_engine
folder, precision, *plugin = sys.argv[1:]
model = onnx.load(Path(folder) / "model.onnx")
engine = EngineOptions(plugin=Path(plugin[0]) if plugin else None)
spectral = "plugin" if plugin else "inline"
options = ExportOptions(target="trt-rtx", precision=precision, spectral=spectral, engine=engine)
record = write_engine(model, Path(folder) / "model.onnx", Path(folder) / "model.engine", options)
print(json.dumps(record))
"""


@dataclass(frozen=True)
class Model:
    """folder: with model.onnx in it. weights: how many."""

    folder: Path
    precision: str
    weights: int


@pytest.fixture(scope="module", params=BYTES)
def model(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Model:
    config, folder = VARIANTS["big-lama"], tmp_path_factory.mktemp(request.param)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config).state_dict().items()}
    onnx.save(
        onnx_from_state(config, state, spectral="function", precision=request.param, wide_sums=True),
        folder / "model.onnx",
    )
    return Model(folder, request.param, sum(value.size for value in state.values()))


def build(model: Model, *plugin: Path) -> dict[str, Any]:
    """The engine's record; in a process of its own, which can hold one SpectralConv."""
    command = [sys.executable, "-c", BUILD, model.folder, model.precision, *plugin]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    assert record["checked"]
    assert record["tensors"]["image"]["dtype"] == record["tensors"]["result"]["dtype"] == "UInt8"
    assert record["tensors"]["image"]["profiles"] == [
        {"min": [1, 1, 1, 3], "opt": [1, 512, 512, 3], "max": [1, 1024, 1024, 3]},
        {"min": [1, 1, 1, 3], "opt": [1, 1024, 1536, 3], "max": [1, 2048, 2048, 3]},
    ]
    small, large = record["activation_bytes"]
    assert 0 < 3 * small < large
    weights = model.weights * BYTES[model.precision]
    assert weights < (model.folder / "model.engine").stat().st_size < 1.4 * weights
    return record


@pytest.mark.trt
@pytest.mark.slow
def test_without_the_plugin(model: Model) -> None:
    """Four products for each Fourier unit; fp32 may merge none of the two along W."""
    layers = Counter(build(model)["layers"])
    assert layers["gemm"] >= UNITS * 4 * PROFILES and layers["deconv"] == 3 * PROFILES


@pytest.mark.trt
@pytest.mark.slow
def test_with_the_plugin(model: Model, kernel_build: Path) -> None:
    """Which computes every Fourier unit, and leaves no product of matrices."""
    layers = Counter(build(model, kernel_build / "liblama_tensorrt_plugin.so")["layers"])
    assert layers["custom_layer"] == UNITS * PROFILES and layers["deconv"] == 3 * PROFILES
    assert "gemm" not in layers
