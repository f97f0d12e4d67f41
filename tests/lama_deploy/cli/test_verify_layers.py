"""lama-verify --layers: names the first layer that diverges with exit code 4, and says what it lacks."""

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch

from lama_deploy.bundle import ENGINE
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.cli.verify import main
from lama_deploy.proof.layers import bundles as bundle_layers
from lama_deploy.proof.subjects import Size
from lama_export.graph.fixed import fix_shapes
from lama_export.graph.model import onnx_from_state
from tests.resign import resign

Verify = Callable[..., int]


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Verify:
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-verify", *map(str, arguments), "--layers"])
        return main()

    return run


@pytest.fixture
def wrong(bundles: Mapping[str, Path], tmp_path: Path) -> Path:
    """A copy of the byte bundle whose second transposed convolution has another bias."""
    copy = Path(shutil.copytree(bundles["uint8"], tmp_path / "wrong"))
    model = onnx.load(copy / "model.onnx")
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == "model.10.bias")
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + np.float32(1e-2), tensor.name))
    onnx.save(model, copy / "model.onnx")
    return resign(copy)


def test_the_layer_is_named(
    verify: Verify, bundles: Mapping[str, Path], wrong: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert verify(wrong, "--against", bundles["uint8"], "--sizes", "24x40,17x30x2") == 4
    out = capsys.readouterr().out.splitlines()
    assert out[0] == f"24x40: {wrong}/model.onnx in ONNX Runtime, against {bundles['uint8']}/model.onnx in ONNX Runtime"
    assert out[1].split() == ["layer", "operator", "module", "error", "of", "inputs", "allowed", "largest", "scale"]
    assert [
        line for line in out if line.startswith("first diverging layer: generator/up2/conv (ConvTranspose, model.10)")
    ]
    assert sum(line.startswith("first diverging layer") for line in out) == 2  # at both sizes
    assert sorted(path.name for path in wrong.iterdir()) == ["bundle.json", "model.onnx"]


def test_none_diverges(verify: Verify, bundles: Mapping[str, Path], capsys: pytest.CaptureFixture[str]) -> None:
    assert verify(bundles["float"], "--against", bundles["float"]) == 0
    out = capsys.readouterr().out
    assert out.startswith("72x136: ") and "no layer diverges: 1" in out


def of_one_size(folder: Path, bundle: Path, checkpoint: Checkpoint, *, basic: bool) -> Path:
    copy = Path(shutil.copytree(bundle, folder))
    model = onnx_from_state(checkpoint.config, checkpoint.state_dict, basic=basic)
    onnx.save(fix_shapes(model, Size(24, 40)), copy / "model.onnx")
    return resign(copy, inputs={"mask": {"dtype": "uint8", "shape": [1, 24, 40]}})


def test_files_of_one_size_are_compared_at_it(
    verify: Verify, bundles: Mapping[str, Path], tiny: Checkpoint, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Whatever operators pad: what is named alike is alike."""
    basic, usual = (of_one_size(tmp_path / str(on), bundles["uint8"], tiny, basic=on) for on in (True, False))
    for pair in ((basic, usual), (bundles["uint8"], basic)):
        assert verify(pair[0], "--against", pair[1]) == 0
        assert capsys.readouterr().out.startswith("24x40: ")
    assert verify(basic, "--against", usual, "--sizes", "32x32") == 2
    assert "the bundle takes pictures of 24x40 alone" in capsys.readouterr().err


def test_what_it_cannot_do_is_one_line(
    verify: Verify,
    bundles: Mapping[str, Path],
    openvino_bundles: Mapping[str, Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    good, openvino = bundles["uint8"], openvino_bundles["fp32"]
    for arguments, words in (
        ([good], "give --against BUNDLE2"),
        ([openvino], "it does not compare what --to openvino writes"),
        ([good, "--against", openvino], "it does not compare what --to openvino writes"),
        ([good, "--against", bundles["float"]], "not of the same generator and --io"),
        ([good, "--against", good, "--json", "x"], "takes no --weights and no --json"),
        ([good, "--against", good, "--sizes", "x"], "size 'x' is not HEIGHTxWIDTH"),
    ):
        assert verify(*arguments) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("error: ") and words in line


def engine_bundle(bundles: Mapping[str, Path], folder: Path) -> Path:
    """What lama-export would write for one profile, but for the engine itself."""
    copy = Path(shutil.copytree(bundles["uint8"], folder / "engine"))
    sides = {"min": [40, 48], "opt": [64, 64], "max": [128, 128]}
    batch = {"min": 1, "opt": 1, "max": 1}
    record = {"version": "1.7.0", "profiles": [sides], "batch": batch, "tf32": False, "plugin": None}
    (copy / ENGINE).touch()
    return resign(copy, target="trt-rtx", engine=record)


def test_an_engine_is_compared_with_its_own_model(
    verify: Verify,
    bundles: Mapping[str, Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """ONNX Runtime stands in for the GPU, with one layer that computes something else."""
    bundle = engine_bundle(bundles, tmp_path)

    def runner(subject: Any, outputs: Sequence[str], size: Size) -> Any:
        model = onnx.ModelProto()
        model.CopyFrom(subject.engine_model)
        (node,) = (node for node in model.graph.node if node.output[0] == "generator/block01/conv1/relu")
        node.op_type = "Neg"
        return bundle_layers.on_cpu(model, outputs, "candidate")

    monkeypatch.setattr(bundle_layers, "engine_runner", runner)
    monkeypatch.setattr(bundle_layers, "require_polygraphy", lambda target: None)
    assert verify(bundle) == 4
    out = capsys.readouterr().out
    sides = f"{bundle} rebuilt by TensorRT-RTX with its layers as outputs, against {bundle}/model.onnx in ONNX Runtime"
    assert out.splitlines()[0] == f"40x48: {sides}"
    assert "first diverging layer: generator/block01/conv1/relu (Relu)" in out


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_an_engine_without_a_gpu_is_one_line(bundles: Mapping[str, Path], tmp_path: Path) -> None:
    copy = engine_bundle(bundles, tmp_path)
    for sizes, words in (((), "an engine needs an NVIDIA GPU"), (("--sizes", "32x32"), "40x48 to 128x128, not 32x32")):
        command = [sys.executable, "-m", "lama_deploy.cli.verify", str(copy), "--layers", *sizes]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        (line,) = done.stderr.splitlines()
        assert done.returncode == 2 and line.startswith("error: ") and words in line
