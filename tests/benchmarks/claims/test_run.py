"""The whole of it on a handful of pictures, and the parts that need no training."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import torch
from PIL import Image

from benchmarks import page
from benchmarks.claims import run as claims
from benchmarks.claims.measure import hole_correlation
from benchmarks.claims.pictures import chosen
from benchmarks.claims.runs import CONTENDERS, SIZES, trained
from lama_deploy.backbones.locate import find_backbone
from lama_deploy.errors import MissingBackboneError
from lama_deploy.evaluation.test_set import Pair
from lama_deploy.images.scenes import scene


@pytest.fixture
def networks() -> Iterator[None]:
    """The metrics' and the loss's networks; on one thread, as networks so small are slower on more."""
    try:
        for name in ("efficientnet-lite0", "st-lpips-vgg"):
            find_backbone(name)
    except MissingBackboneError as error:
        pytest.skip(str(error))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    """Four photographs to train and test with each, of two licences."""
    for group in ("train/photos", "train/textures", "test"):
        folder = tmp_path / "corpus" / group
        folder.mkdir(parents=True)
        for index in range(4):
            Image.fromarray(scene(160, 200, seed=index)[0][0]).save(folder / f"{index}.png")
    rows = [f"test/{index}.png\t{licence}\tA\tS" for index, licence in enumerate(["CC0-1.0", "CC-BY-4.0"] * 2)]
    (tmp_path / "corpus" / "LICENCES.tsv").write_text("\n".join(["path\tlicence\tauthor\tsource", *rows]) + "\n")
    return tmp_path / "corpus"


@pytest.mark.slow
def test_smoke(networks: None, corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["run.py", str(corpus), "--size", "smoke", "--out", str(tmp_path)])
    assert claims.main() == 0
    out = tmp_path / "smoke"
    [file] = (out / "results").iterdir()
    record = json.loads(file.read_text())
    assert {claim["verdict"] for claim in record["claims"]} <= {"held", "not held", "undecided"}
    assert all(len(row) == len(test["pairs"]) for test in record["tests"].values() for row in _rows(test))
    shown = [item["file"] for key in ("curves", "strips") for item in record["pictures"][key]]
    assert len(shown) == 7
    assert all((out / name).stat().st_size for name in shown)
    for curve in (name for name in shown if name.endswith(".svg")):
        ElementTree.parse(out / curve)
    text = (out / "claims.md").read_text()
    assert all(name in text and claim["text"] in text for name in shown for claim in record["claims"])
    assert "1: A, CC-BY-4.0" not in text
    assert "claims.md" in page._section(file.name, record)
    _is_done_already(out)


def _is_done_already(out: Path) -> None:
    state = out / "runs" / "fourier-seed0" / "models" / "last.ckpt"
    before = state.stat().st_mtime_ns
    run = trained(CONTENDERS[0], SIZES["smoke"], 0, out / "train-80", out, "cpu")
    assert state.stat().st_mtime_ns == before
    assert run.weights.is_file()
    assert run.seconds_per_step > 0


def _rows(test: dict) -> list:
    return [row for metrics in test["scores"].values() for rows in metrics.values() for row in rows]


def test_hole_correlation_sees_the_hole_only() -> None:
    original = torch.rand(1, 3, 16, 16)
    hole = torch.zeros(1, 1, 16, 16, dtype=torch.bool)
    hole[..., 4:12, 4:12] = True
    result = torch.where(hole, original, 1 - original)
    assert hole_correlation(original, result, hole) == pytest.approx(1)
    assert hole_correlation(original, torch.where(hole, 1 - original, original), hole) == pytest.approx(-1)
    assert hole_correlation(original, torch.full_like(original, 0.5), hole) == 0


def test_only_free_pictures_are_shown() -> None:
    pixels = np.zeros((4, 4, 3), np.uint8)
    pairs = [Pair(f"{name}_crop000_mask000", pixels, pixels[..., 0]) for name in "abcdef"]
    licences = {"a": "CC-BY-4.0", "b": "CC0-1.0", "c": "public-domain", "d": "CC-BY-SA-4.0"}
    assert [pair.name[0] for pair in chosen(pairs, 9, licences)] == ["b", "c", "e", "f"]
    assert [pair.name[0] for pair in chosen(pairs, 2, licences)] == ["b", "e"]
