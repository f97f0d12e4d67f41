"""What is measured, on which holes, and what counts as beating OpenCV."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import held_out
from held_out import HeldOut, open_held_out, verdict
from lama_deploy.errors import MissingBackboneError
from lama_deploy.evaluation import catalogue
from lama_deploy.evaluation.drawn_set import MadeSet
from lama_deploy.images.masks import mask_set
from packed import unpack
from rehearsal import drawn_pack

TELEA = {"SSIM": 0.8, "L1-hole": 0.10, "ST-LPIPS-alex": 0.30}
NS = {"SSIM": 0.7, "L1-hole": 0.08, "ST-LPIPS-alex": 0.40}
BETTER = {"SSIM": 0.9, "L1-hole": 0.04, "ST-LPIPS-alex": 0.27}


@pytest.fixture
def opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> HeldOut:
    """On drawn pictures of 64 pixels, without ST-LPIPS."""

    def missing(*_: object) -> None:
        raise MissingBackboneError("it is not on this machine")

    monkeypatch.setattr(catalogue, "PERCEPTUAL", dict.fromkeys(held_out.ST_LPIPS, missing))
    found, lines = open_held_out(unpack(drawn_pack(tmp_path), tmp_path / "laid-out"), "cpu")
    assert [line.partition(":")[0] for line in lines] == [f"{name} left out" for name in held_out.ST_LPIPS]
    return found


def test_holes_are_those_of_the_benchmark_at_the_packs_size(opened: HeldOut, tmp_path: Path) -> None:
    wanted = MadeSet(tmp_path / "laid-out" / "test", mask_set("thick-256").scaled(0.25), 64)
    for source in wanted.sources:
        for one, other in zip(wanted.pairs(source, None), opened.test_set.pairs(source, None), strict=True):
            np.testing.assert_array_equal(one.hole, other.hole)
            assert other.rgb.shape == (64, 64, 3)


def test_opponents_are_measured_once(opened: HeldOut) -> None:
    assert set(opened.opponents) == {"opencv-telea", "opencv-ns"}
    for scores in opened.opponents.values():
        assert set(scores) == {"SSIM", "L1-hole"}
        assert 0 < scores["SSIM"] < 1 and 0 < scores["L1-hole"] < 1


def test_ratio_is_of_the_worst_metric_against_the_best_opponent(opened: HeldOut) -> None:
    against = replace(opened, opponents={"opencv-telea": TELEA, "opencv-ns": NS})
    assert against.ratio(BETTER) == pytest.approx(0.27 / 0.30)
    assert against.ratio(BETTER | {"L1-hole": 0.10}) == pytest.approx(0.10 / 0.08)
    assert against.ratio(BETTER | {"SSIM": 0.75}) == pytest.approx(0.25 / 0.2)


def test_verdict_says_on_what_it_rests(opened: HeldOut) -> None:
    against = replace(opened, opponents={"opencv-telea": TELEA, "opencv-ns": NS})
    won = verdict(against, BETTER)
    assert won.startswith("beats opencv-telea and opencv-ns: SSIM 0.9000 (0.8000, 0.7000), ")
    assert won.endswith("next: ship.py") and "not measured" not in won
    lost = verdict(against, BETTER | {"L1-hole": 0.09, "ST-LPIPS-alex": 0.30})
    assert lost.startswith("does not beat opencv-telea and opencv-ns on L1-hole, ST-LPIPS-alex: ")
    plain = {name: value for name, value in BETTER.items() if not name.startswith("ST-")}
    assert "ST-LPIPS was not measured, measure it before shipping" in verdict(against, plain)
