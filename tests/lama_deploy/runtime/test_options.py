"""What is typed is so: options are those that backends have, backends are what they declare to be."""

import inspect
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lama_deploy.errors import LamaDeployError
from lama_deploy.runtime import options
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.opening import BACKENDS, backend_class

ROOT = Path(__file__).parents[3]
BY_BACKEND = {
    "onnxruntime": options.OnnxRuntimeOptions,
    "openvino": options.OpenVinoOptions,
    "litert": options.PlainOptions,
    "tensorrt": options.TensorRtOptions,
    "mnn": options.MnnOptions,
    "ncnn": options.PlainOptions,
    "torchscript": options.PlainOptions,
    "torch": options.TorchOptions,
    "cuda": options.CudaOptions,
}
OF_OTHERS = {"mnn": "MNN", "ncnn": "ncnn"}  # packages that not every environment has


@pytest.mark.parametrize("name", BACKENDS)
def test_typed_options_are_the_backends(name: str) -> None:
    if name in OF_OTHERS:
        pytest.importorskip(OF_OTHERS[name], reason=f"{OF_OTHERS[name]} is not installed")
    _, *takes = inspect.signature(backend_class(name)).parameters
    # check is an argument of `load` itself, refine what is put around the backend
    assert set(takes) - {"check"} == BY_BACKEND[name].__optional_keys__ - {"refine"}


def test_any_backend_has_the_options_of_all() -> None:
    assert options.AnyOptions.__optional_keys__ == set().union(*(one.__optional_keys__ for one in BY_BACKEND.values()))


CALLS = """
from pathlib import Path
from typing import Any
from lama_deploy import Inpainter, load_checkpoint

Inpainter.load("big-lama", device="cpu", threads=2, streams=2, precision="fp16", check=False)
Inpainter.load(Path("bundle"), backend="onnxruntime", optimization="basic", streams=2)
Inpainter.load("bundle", backend="openvino", streams=2, cache="", precision="f32")
Inpainter.load("bundle", backend="tensorrt", kernels="eager", graphs=0, plugin=Path("plugin.so"))
Inpainter.load("big-lama", backend="cuda", precision="fp16", graphs=0)
Inpainter.of(load_checkpoint("file"), backend="cuda", graphs=1)
read: dict[str, Any] = {}
Inpainter.load("big-lama", **read)
Inpainter.load("big-lama", stream=2)
Inpainter.load("big-lama", backend="onnx")
Inpainter.load("bundle", backend="onnxruntime", cache="")
Inpainter.load("bundle", backend="openvino", graphs=0)
Inpainter.load("bundle", backend="tensorrt", kernels="fast")
Inpainter.load("big-lama", backend="torch", precision="fp16")
Inpainter.load("big-lama", backend="cuda", precision="f16")
Inpainter.of(load_checkpoint("file"), graphs=1)
Inpainter.of(load_checkpoint("file"), backend="openvino")
"""


BACKENDS_AS_DECLARED = """
from lama_deploy.runtime.backend import Backend, DeviceBackend, FixableBackend
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from lama_deploy.runtime.backends.openvino import OpenVinoBackend
from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.runtime.backends.torch_fused import CudaBackend

backends: list[type[Backend]] = [OnnxRuntimeBackend, TorchBackend, CudaBackend]
on_device: type[DeviceBackend] = TensorRtBackend
fixable: type[FixableBackend] = OpenVinoBackend
"""


@pytest.mark.slow
def test_a_checker_finds_wrong_options_and_nothing_else(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    calls = tmp_path / "calls.py"
    calls.write_text(CALLS + BACKENDS_AS_DECLARED)
    command = [sys.executable, "-m", "mypy", "--config-file", "pyproject.toml", "--cache-dir", str(tmp_path / "cache")]
    done = subprocess.run([*command, str(calls)], cwd=ROOT, capture_output=True, text=True, check=False)
    found = {int(line.split(":")[1]) for line in done.stdout.splitlines() if ": error: " in line}
    first = CALLS.splitlines().index('Inpainter.load("big-lama", stream=2)') + 1
    assert found == set(range(first, first + 9)), done.stdout + done.stderr


@pytest.mark.parametrize("name", ["threads", "streams"])
@pytest.mark.parametrize("count", [0, -1, 100_000, True, 2.0, "4", [1]])
def test_counts_that_no_machine_starts(openvino_bundles: Mapping[str, Path], name: str, count: Any) -> None:
    with pytest.raises(LamaDeployError, match=rf"^{name} is .*; allowed: an integer from 1 to \d+$"):
        Inpainter.load(openvino_bundles["fp32"], **{name: count})
