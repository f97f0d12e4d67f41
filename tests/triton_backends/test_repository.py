"""`lama-export --to triton`: what is written is what Triton reads, by its own message type, and what is refused."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import text_format
from tritonclient.grpc import model_config_pb2 as messages

from lama_deploy.bundle import load_bundle
from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError, ConfigError, LamaDeployError
from lama_export.triton.native import LIBRARY
from lama_export.triton.repository import write_repository

UINT8, FP32 = messages.TYPE_UINT8, messages.TYPE_FP32


def written(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def config_of(repository: Path, name: str = "lama") -> Any:
    text = (repository / name / "config.pbtxt").read_text()
    return text_format.Parse(text, messages.ModelConfig())


def tensors(listed: Any) -> dict[str, tuple[int, list[int]]]:
    return {one.name: (one.data_type, list(one.dims)) for one in listed}


@pytest.fixture
def stand_in(tmp_path: Path) -> Path:
    """Of a library that nothing here opens."""
    (tmp_path / "stand-in.so").write_bytes(b"\x7fELF, not opened TRITONBACKEND_ModelInstanceExecute")
    return tmp_path / "stand-in.so"


def test_native(tiny_bundles: Mapping[str, Path], tmp_path: Path, stand_in: Path) -> None:
    write_repository(tiny_bundles["onnx"], tmp_path / "out", library=stand_in)
    files = written(tmp_path / "out" / "lama")
    (engine,) = (name for name in files if name.startswith("libonnxruntime.so"))
    assert files == {"config.pbtxt", "1/bundle/bundle.json", "1/bundle/model.onnx", LIBRARY, engine}
    config = config_of(tmp_path / "out")
    assert (config.name, config.backend, config.max_batch_size) == ("lama", "lama", 0)
    assert tensors(config.input) == {"image": (UINT8, [-1, -1, -1, 3]), "mask": (UINT8, [-1, -1, -1])}
    assert tensors(config.output) == {"result": (UINT8, [-1, -1, -1, 3])}
    assert config.parameters["warm_up"].string_value == "512x512"
    assert not config.HasField("dynamic_batching")
    (group,) = config.instance_group
    assert (group.kind, group.count) == (messages.ModelInstanceGroup.KIND_CPU, 1)


def test_batches_and_instances(tiny_bundles: Mapping[str, Path], tmp_path: Path, stand_in: Path) -> None:
    write_repository(tiny_bundles["onnx"], tmp_path / "out", name="fill-2", instances=3, batch=8, library=stand_in)
    config = config_of(tmp_path / "out", "fill-2")
    assert (config.name, config.max_batch_size, config.instance_group[0].count) == ("fill-2", 8, 3)
    assert config.HasField("dynamic_batching")
    assert tensors(config.input) == {"image": (UINT8, [-1, -1, 3]), "mask": (UINT8, [-1, -1])}


def test_openvinos_library_comes_along(tiny_bundles: Mapping[str, Path], tmp_path: Path, stand_in: Path) -> None:
    write_repository(tiny_bundles["openvino"], tmp_path / "out", library=stand_in)
    names = {name.split(".so")[0] for name in written(tmp_path / "out" / "lama") if ".so" in name}
    assert {"libopenvino", "libopenvino_c", "libopenvino_intel_cpu_plugin", "libtbb"} <= names


def test_python(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    write_repository(tiny_bundles["onnx"], tmp_path / "out", backend="python", batch=4)
    files = written(tmp_path / "out" / "lama")
    assert files == {"config.pbtxt", "1/model.py", "1/bundle/bundle.json", "1/bundle/model.onnx"}
    config = config_of(tmp_path / "out")
    assert (config.backend, config.max_batch_size) == ("python", 4)


def described(folder: Path, **changes: Any) -> None:
    """Another bundle.json, whose files are as it says."""
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in folder.iterdir()}
    files.pop("bundle.json")
    replace(load_bundle(folder, check=False), **{"files": files, **changes}).save(folder)


SIDES = {"image": ["N", "H", "W", 3], "mask": ["N", "H", "W"], "result": ["N", "H", "W", 3]}


def interface(names: list[str], dtype: str = "uint8") -> dict[str, Any]:
    return {name: {"dtype": dtype, "shape": SIDES[name]} for name in names}


def test_tritons_onnxruntime(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundles["onnx"], tmp_path / "bundle"))
    described(bundle, inputs=interface(["image", "mask"]), outputs=interface(["result"]))
    write_repository(bundle, tmp_path / "out", backend="onnxruntime", instances=2)
    assert written(tmp_path / "out" / "lama") == {"config.pbtxt", "1/model.onnx"}
    config = config_of(tmp_path / "out")
    assert (config.backend, config.max_batch_size, config.default_model_filename) == ("onnxruntime", 0, "model.onnx")
    assert tensors(config.input) == {"image": (UINT8, [-1, -1, -1, 3]), "mask": (UINT8, [-1, -1, -1])}
    assert tensors(config.output) == {"result": (UINT8, [-1, -1, -1, 3])}


def test_tritons_onnxruntime_with_floats_of_one_size(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    bundle = Path(shutil.copytree(tiny_bundles["onnx"], tmp_path / "bundle"))
    shapes = {"image": [1, 3, 64, 96], "mask": [1, 1, 64, 96], "result": [1, 3, 64, 96]}
    values = {name: {"dtype": "float32", "shape": shape} for name, shape in shapes.items()}
    described(bundle, inputs={k: values[k] for k in ("image", "mask")}, outputs={"result": values["result"]})
    write_repository(bundle, tmp_path / "out", backend="onnxruntime")
    config = config_of(tmp_path / "out")
    assert tensors(config.input) == {name: (FP32, shapes[name]) for name in ("image", "mask")}


ENGINE = {
    "version": "10.14.1",
    "batch": {"min": 1, "opt": 1, "max": 4},
    "profiles": [{key: [64, 64] for key in ("min", "opt", "max")}] * 2,
    "plugin": {"sha256": 64 * "0", "file": "plugin-linux-x86_64.so"},
}


@pytest.fixture
def engine_bundle(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> Path:
    """As one for TensorRT, whose engine nothing here opens."""
    bundle = Path(shutil.copytree(tiny_bundles["onnx"], tmp_path / "bundle"))
    (bundle / "model.engine").write_bytes(b"an engine")
    (bundle / "plugin-linux-x86_64.so").write_bytes(b"a plugin")
    described(
        bundle, target="trt", engine=ENGINE, inputs=interface(["image", "mask"]), outputs=interface(["result"])
    )  # fmt: skip
    return bundle


def test_tritons_tensorrt(engine_bundle: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    write_repository(engine_bundle, tmp_path / "out", backend="tensorrt_plan")
    assert written(tmp_path / "out" / "lama") == {"config.pbtxt", "1/model.plan", "1/plugin-linux-x86_64.so"}
    config = config_of(tmp_path / "out")
    assert (config.platform, config.default_model_filename) == ("tensorrt_plan", "model.plan")
    (group,) = config.instance_group
    assert (group.kind, list(group.profile)) == (messages.ModelInstanceGroup.KIND_GPU, ["0", "1"])
    assert "--backend-config=tensorrt,plugins=" in caplog.text


def test_an_engine_natively(
    engine_bundle: Path, tmp_path: Path, stand_in: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_repository(engine_bundle, tmp_path / "out", library=stand_in)
    config = config_of(tmp_path / "out")
    assert (config.max_batch_size, config.HasField("dynamic_batching")) == (4, True)
    assert config.instance_group[0].kind == messages.ModelInstanceGroup.KIND_GPU
    assert "liblama_trt.so" in caplog.text


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"backend": "tensorrt_plan"}, "is for onnx, and the backend tensorrt_plan takes bundles for trt"),
        ({"backend": "tensorflow"}, "allowed: native, python, onnxruntime, tensorrt_plan"),
        ({"name": "../lama"}, "--model-name is ../lama; allowed"),
        ({"name": ""}, "--model-name is"),
        ({"instances": 0}, "--instances is 0; allowed: 1 to 1024"),
        ({"batch": -1}, "--max-batch is -1; allowed: 0 to 1024"),
        ({"backend": "onnxruntime", "batch": 4}, "--max-batch is for the backends native and python"),
        ({"backend": "python", "library": Path("x.so")}, "--triton-library is for the backend native"),
        ({"library": Path("nowhere.so")}, "nowhere.so: cannot be read"),
        ({"library": Path(__file__)}, "is no backend of Triton"),
        ({"backend": "onnxruntime"}, "bundle.json does not say what"),
    ],
)
def test_refused(tiny_bundles: Mapping[str, Path], tmp_path: Path, options: dict[str, Any], said: str) -> None:
    bundle = tiny_bundles["onnx"]
    if options == {"backend": "onnxruntime"}:
        bundle = Path(shutil.copytree(bundle, tmp_path / "bundle"))
        described(bundle, inputs={"image": {}}, outputs={})
    with pytest.raises((BundleError, ConfigError, LamaDeployError)) as caught:
        write_repository(bundle, tmp_path / "out", **options)
    assert said in str(caught.value) and "\n" not in str(caught.value)


def export(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lama_export.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_the_command(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    out = tmp_path / "repository"
    done = export("--to", "triton", "--from", tiny_bundles["onnx"], "--triton-backend", "python", "--out", out)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1] == f"next: tritonserver --model-repository={out}"
    assert config_of(out).backend == "python"
    again = export("--to", "triton", "--from", tiny_bundles["onnx"], "--triton-backend", "python", "--out", out)
    assert again.returncode == 2 and "is there already" in again.stderr


def test_the_command_leaves_nothing_of_what_it_refuses(tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    done = export(
        "--to", "triton", "--from", tiny_bundles["onnx"], "--triton-backend", "tensorrt_plan", "--out", tmp_path / "out"
    )
    assert done.returncode == 2 and done.stderr.startswith("error: ") and done.stderr.count("\n") == 1
    assert list(tmp_path.iterdir()) == []
