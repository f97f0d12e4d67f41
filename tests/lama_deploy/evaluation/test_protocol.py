"""The protocol: bins, means, official F1 scores, and what happens to files that cannot be used."""

import hashlib
from collections.abc import Callable

import numpy as np
import pytest
import torch

from lama_deploy.arrays import Array
from lama_deploy.errors import DataError, DeviceMemoryError, ImageError
from lama_deploy.evaluation.candidates import Candidate
from lama_deploy.evaluation.catalogue import DistributionMetric, PairMetric
from lama_deploy.evaluation.protocol import AREAS, Value, bin_of, evaluate, f1_scores
from lama_deploy.evaluation.test_set import Pair

AREA_PERCENT = [0, 5, 10, 19, 20, 25, 50, 100]
PAINT = [10 * (index + 1) for index in range(len(AREA_PERCENT))]  # the result's brightness, by pair


class Rows:
    """Pairs of 10 x 10 pixels, black, with the first AREA_PERCENT pixels as hole; red tells which one it is."""

    own_size = 10

    def __init__(self, count: int = len(AREA_PERCENT), unreadable: int = 0) -> None:
        self.sources = [*range(count), *["broken"] * unreadable, "vanishes"]

    def pairs(self, source: int | str, size: int | None) -> list[Pair]:
        if source == "broken":
            raise ImageError("broken.png: truncated")
        if source == "vanishes":
            return []
        rgb = np.zeros((10, 10, 3), np.uint8)
        rgb[..., 0] = source
        hole = (np.arange(100) < AREA_PERCENT[source]).astype(np.uint8).reshape(10, 10)
        return [Pair(f"p{source}", rgb, hole)]

    def describe(self) -> dict[str, object]:
        return {}


def brightness(original: torch.Tensor, result: torch.Tensor, hole: torch.Tensor) -> float:
    return PAINT[round(float(original[0, 0, 0, 0]) * 255)] + float(result.sum()) * 0


SCORE = PairMetric("score", brightness)
DISTANCE = DistributionMetric(
    "distance",
    "means",
    lambda image: image.mean(dim=(0, 2, 3)).numpy(),
    lambda a, b: float(len(a) + 100 * np.abs(a - b).sum()),
)
SAME = Candidate("same", lambda rgb, hole: rgb)
WHITE = Candidate("white", lambda rgb, hole: np.full_like(rgb, 255))


def rows_of(*candidates: Candidate, pairs: Rows | None = None) -> list[dict[str, tuple[int, dict[str, Value]]]]:
    blocks, _ = evaluate(candidates, pairs or Rows(), None, [SCORE, DISTANCE])
    return [{row.area: (row.count, dict(row.values)) for row in block.rows} for block in blocks]


def test_bins_have_their_lower_edge() -> None:
    assert [AREAS[bin_of(percent / 100)] for percent in AREA_PERCENT] == [
        "0-10%", "0-10%", "10-20%", "10-20%", "20-30%", "20-30%", "50-60%", "90-100%",
    ]  # fmt: skip
    assert len(AREAS) == 10 and AREAS[-1] == "90-100%"


def test_rows() -> None:
    (rows,) = rows_of(SAME)
    assert list(rows) == ["total", *AREAS]
    assert {area: count for area, (count, _) in rows.items() if count} == {
        "total": 8, "0-10%": 2, "10-20%": 2, "20-30%": 2, "50-60%": 1, "90-100%": 1,
    }  # fmt: skip
    assert rows["total"][1]["score"] == Value(45.0, pytest.approx(np.std(PAINT)))
    assert rows["10-20%"][1]["score"] == Value(35.0, 5.0)
    assert rows["50-60%"][1]["score"] == Value(70.0, 0.0)
    assert rows["30-40%"] == (0, {})


def test_distances_need_two_pairs_and_have_no_deviation() -> None:
    (rows,) = rows_of(SAME)
    assert rows["total"][1]["distance"] == Value(8.0) and rows["0-10%"][1]["distance"] == Value(2.0)
    assert "distance" not in rows["50-60%"][1]


def test_results_are_composites_and_models_do_not_mix() -> None:
    same, white = rows_of(SAME, WHITE)
    areas = np.array(AREA_PERCENT) / 100
    reds = np.arange(8) / 255
    wanted = 8 + 100 * (3 * areas - areas * reds).sum()
    assert same["total"][1]["distance"].mean == 8
    assert white["total"][1]["distance"].mean == pytest.approx(wanted, rel=1e-5)


def test_files_left_out_are_counted_and_named() -> None:
    lines: list[str] = []
    seen: list[Pair] = []
    _, record = evaluate([SAME], Rows(3, unreadable=2), None, [SCORE], report=lines.append, keep=seen.append)
    assert (record.size, record.pairs, record.without_pair) == ("10", 3, 1)
    assert record.unreadable == ["broken.png: truncated"] * 2
    assert lines == ["left out: broken.png: truncated"] * 2
    assert [pair.name for pair in seen] == ["p0", "p1", "p2"]


class Spoiled(Rows):
    """As Rows; the second picture's reading, or a model's work on it, fails with `error`."""

    error: Exception = RuntimeError("of a decoder\n")

    def pairs(self, source: int | str, size: int | None) -> list[Pair]:
        if source == 1:
            raise self.error
        return super().pairs(source, size)


def test_whatever_a_file_raises_costs_that_file() -> None:
    lines: list[str] = []
    _, record = evaluate([SAME], Spoiled(3), None, [SCORE], report=lines.append)
    assert record.pairs == 2
    assert lines == ["left out: failed unexpectedly (RuntimeError: of a decoder)"]


@pytest.mark.parametrize("error", [ImageError("too odd"), DeviceMemoryError("too large"), MemoryError()])
def test_a_picture_that_one_model_cannot_take_is_left_out_for_all(error: Exception) -> None:
    def fail(rgb: Array, hole: Array) -> Array:
        if rgb[0, 0, 0] == 1:
            raise error
        return rgb

    lines: list[str] = []
    blocks, record = evaluate([SAME, Candidate("fails", fail)], Rows(3), None, [SCORE, DISTANCE], report=lines.append)
    assert [block.rows[0].count for block in blocks] == [2, 2] and record.pairs == 2
    assert len(lines) == 1 and lines[0].startswith("left out: p1: ")
    assert record.sha256 != evaluate([SAME], Rows(3), None, [SCORE])[1].sha256
    with pytest.raises(DataError, match="nothing to measure"):
        evaluate([Candidate("fails", fail)], Only(1), None, [SCORE])


class Only(Rows):
    """One pair, the second."""

    def __init__(self, source: int) -> None:
        self.sources = [source]


def test_sets_are_told_by_their_pixels() -> None:
    digest = hashlib.sha256()
    for pair in (Rows().pairs(0, None)[0], Rows().pairs(1, None)[0]):
        digest.update(pair.name.encode() + pair.rgb.tobytes() + pair.hole.tobytes())
    sha = [evaluate([SAME], Rows(count), None, [SCORE])[1].sha256 for count in (2, 2, 3)]
    assert sha[0] == sha[1] == digest.hexdigest() != sha[2]


def test_nothing_left_to_measure() -> None:
    with pytest.raises(DataError, match="nothing to measure: of 3 pictures 2 are unreadable and 1 got no hole"):
        evaluate([SAME], Rows(0, unreadable=2), None, [SCORE])


def test_official_f1_scores() -> None:
    values = {"SSIM": Value(0.8, 0.1), "LPIPS": Value(0.1, 0.1), "FID": Value(20.0)}
    assert f1_scores(values) == {
        "ssim_fid100_f1": pytest.approx(2 * 0.8 * 0.8 / (0.8 + 0.8 + 1e-3)),
        "lpips_fid100_f1": pytest.approx(2 * 0.9 * 0.8 / (0.9 + 0.8 + 1e-3)),
    }
    assert f1_scores(values | {"FID": Value(120.0)}) == {"ssim_fid100_f1": 0, "lpips_fid100_f1": 0}
    assert f1_scores({"SSIM": Value(0.8), "FID": Value(1.0)}).keys() == {"ssim_fid100_f1"}


@pytest.mark.parametrize("missing", ["FID", "SSIM"])
def test_stand_ins_make_no_f1_score(missing: str) -> None:
    values = {"SSIM": Value(0.8), "ST-LPIPS-vgg": Value(0.1), "Frechet-EffLite0": Value(3.0), "FID": Value(1.0)}
    del values[missing]
    assert f1_scores(values) == {}


def test_progress_sees_every_source() -> None:
    seen: list[object] = []
    progress: Callable[[list[object]], list[object]] = lambda items: seen.extend(items) or items  # noqa: E731
    evaluate([SAME], Rows(2), None, [SCORE], progress=progress)
    assert seen == [0, 1, "vanishes"]
