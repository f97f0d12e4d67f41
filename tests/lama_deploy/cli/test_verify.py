"""lama-verify: passes a good bundle, fails a wrong one with exit code 4, and says what it lacks."""

import json
import shutil
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

from lama_deploy.checkpoints.checkpoint import save_checkpoint
from lama_deploy.cli.verify import main
from lama_deploy.proof.parity import TOGETHER
from tests.resign import resign


@pytest.fixture
def verify(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-verify", *map(str, arguments), "--sizes", "24x40,37x50x2"])
        return main()

    return run


@pytest.fixture
def wrong(bundles: Mapping[str, Path], tmp_path: Path) -> Path:
    """A copy of the float bundle whose head has another bias."""
    copy = Path(shutil.copytree(bundles["float"], tmp_path / "wrong"))
    model = onnx.load(copy / "model.onnx")
    tensor = next(t for t in model.graph.initializer if t.dims == [12])
    tensor.CopyFrom(onnx.numpy_helper.from_array(onnx.numpy_helper.to_array(tensor) + np.float32(1e-2), tensor.name))
    onnx.save(model, copy / "model.onnx")
    return resign(copy)


def test_good_bundle_against_eager(verify, bundles, tiny, tmp_path, capsys):
    assert verify(bundles["uint8"], "--weights", tiny.path, "--json", tmp_path / "r.json") == 0
    record = json.loads((tmp_path / "r.json").read_text())
    subjects = [case["subject"] for case in record["cases"]]
    assert record["passed"] and subjects[-1] == TOGETHER
    assert subjects[:3] == ["24x40", "37x50x2", "256x256 photograph 1"]
    assert capsys.readouterr().out.count(" pass\n") >= 2


@pytest.mark.parametrize("reference", ["eager", "bundle"])
def test_wrong_bundle_fails(verify, bundles, tiny, wrong, tmp_path, capsys, reference):
    against = ["--weights", tiny.path] if reference == "eager" else ["--against", bundles["float"]]
    assert verify(wrong, *against, "--json", tmp_path / "r.json") == 4
    assert not json.loads((tmp_path / "r.json").read_text())["passed"]
    assert "FAIL" in capsys.readouterr().out


@pytest.mark.parametrize("pair", [("uint8", "float"), ("float", "uint8")])
def test_bundles_of_both_interfaces_agree(verify, bundles, tmp_path, pair):
    one, other = (bundles[io] for io in pair)
    assert verify(one, "--against", other, "--json", tmp_path / "r.json") == 0


def test_other_weights_are_refused(verify, bundles, tiny, tmp_path, capsys):
    state = {key: array + 1 for key, array in tiny.state_dict.items()}
    save_checkpoint(tmp_path / "other.safetensors", tiny.config, state)
    assert verify(bundles["uint8"], "--weights", tmp_path / "other.safetensors") == 2
    assert "give the right file with --weights" in capsys.readouterr().err
