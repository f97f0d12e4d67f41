"""lama-verify: passes a good bundle, fails a wrong one with exit code 4, and says what it lacks."""

import json
import os
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
    assert verify(bundles["uint8"], "--json", tmp_path / "r.json") == 2  # before the work
    assert "r.json: exists already and would be replaced; give another name, or --o" in capsys.readouterr().err
    assert json.loads((tmp_path / "r.json").read_text()) == record


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


def test_a_bundle_that_cannot_be_written_to_is_verified(verify, bundles, tiny, tmp_path, capsys):
    """Root may write anywhere; a folder in the file's place stops him too."""
    copy = Path(shutil.copytree(bundles["uint8"], tmp_path / "copy"))
    (copy / "verify.json").mkdir()
    assert verify(copy, "--weights", tiny.path) == 0
    captured = capsys.readouterr()
    assert captured.out.splitlines()[-1] == "against eager PyTorch, float64: pass"
    assert captured.err.startswith("note: ") and captured.err.count("\n") == 1 and "give --json FILE" in captured.err


@pytest.mark.parametrize("kind", ["link", "pipe"])
def test_a_bundle_does_not_choose_where_its_record_goes(verify, bundles, tiny, tmp_path, capsys, kind):
    copy, notes = Path(shutil.copytree(bundles["uint8"], tmp_path / "copy")), tmp_path / "notes"
    notes.write_text("mine")
    if kind == "link":
        (copy / "verify.json").symlink_to(notes)
    else:
        os.mkfifo(copy / "verify.json")
    assert verify(copy, "--weights", tiny.path) == 0
    assert notes.read_text() == "mine" and "is no plain file" in capsys.readouterr().err


def test_a_record_that_cannot_be_written_is_told_before_the_work(verify, bundles, tiny, tmp_path, capsys):
    assert verify(bundles["uint8"], "--weights", tiny.path, "--json", tmp_path / "none" / "r.json") == 2
    captured = capsys.readouterr()
    assert captured.out == "" and "cannot be written (No such file or directory)" in captured.err


@pytest.mark.parametrize("size", ["100000x100000", "1x1x999999999", f"{'9' * 5000}x9"])
def test_sizes_that_nothing_is_compared_at(bundles, tiny, capsys, monkeypatch, size):
    monkeypatch.setattr(
        sys, "argv", ["lama-verify", str(bundles["uint8"]), "--weights", str(tiny.path), "--sizes", size]
    )
    assert main() == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_an_engine_in_a_bundle_of_another_target_is_not_believed(verify, bundles, tiny, tmp_path, capsys):
    """Pictures of a terabyte would be drawn for it."""
    copy = Path(shutil.copytree(bundles["uint8"], tmp_path / "copy"))
    sides = {key: [2**20, 2**20] for key in ("min", "opt", "max")}
    resign(copy, engine={"version": "1", "batch": dict.fromkeys(("min", "opt", "max"), 1), "profiles": [sides]})
    assert verify(copy, "--weights", tiny.path) == 2
    assert "it describes an engine, and its target is onnx" in capsys.readouterr().err


def test_a_bundle_with_a_newline_in_its_name(verify, bundles, tiny, tmp_path, capsys):
    copy = Path(shutil.copytree(bundles["uint8"], tmp_path / "a\nb"))
    assert verify(copy, "--weights", tiny.path) == 0
    assert capsys.readouterr().out.splitlines()[-1].endswith("a\\nb/verify.json")


def of_one_size(bundle: Path, copy: Path, *shape: int) -> Path:
    inputs = {"mask": {"dtype": "uint8", "shape": list(shape)}}
    return resign(Path(shutil.copytree(bundle, copy)), inputs=inputs)


def test_a_bundle_of_one_size_is_compared_at_no_other(verify, bundles, tiny, tmp_path, capsys, monkeypatch):
    one = of_one_size(bundles["uint8"], tmp_path / "one", 1, 24, 40)
    other = of_one_size(bundles["uint8"], tmp_path / "other", 2, 24, 40)
    assert verify(one, "--weights", tiny.path) == 2
    assert "--sizes 24x40,37x50x2: the bundle takes pictures of 24x40 alone" in capsys.readouterr().err
    assert verify(one, "--against", other) == 2
    assert "the bundles take pictures of 24x40 and 24x40x2 alone, and none of both" in capsys.readouterr().err
    record = tmp_path / "r.json"
    arguments = ["lama-verify", bundles["float"], "--against", one, "--json", record]
    monkeypatch.setattr(sys, "argv", list(map(str, arguments)))
    assert main() == 0
    subjects = [case["subject"] for case in json.loads(record.read_text())["cases"]]
    assert subjects[0] == "24x40" and all(subject.startswith("24x40 photo") for subject in subjects[1:-1])
