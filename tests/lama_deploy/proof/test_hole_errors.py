"""Each measure shows what it is for, and nothing else of a right result."""

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest

from lama_deploy.bundle import load_bundle
from lama_deploy.proof.hole_errors import HoleErrors, signed_errors
from lama_deploy.proof.subjects import PHOTOGRAPHS, Photograph, Size
from lama_deploy.proof.tolerance import LEAST_PIXELS, USUAL_EAGER, Allowance, Limits, tolerance_for, tolerance_of, wider

RANDOM = np.random.default_rng(0)
HOLE = np.zeros((1, 96, 120), np.uint8)
HOLE[0, 10:80, 20:110] = 1
REFERENCE = 0.2 + 0.6 * RANDOM.random((1, 96, 120, 3))
X, Y = np.meshgrid(np.arange(120), np.arange(96))


def found(candidate: np.ndarray) -> HoleErrors:
    return HoleErrors.of(REFERENCE, candidate, HOLE)


def test_equal_results_have_no_errors() -> None:
    same = found(REFERENCE)
    assert (same.largest, same.mean, same.rms, same.shift, same.wave) == (0, 0, 0, (0, 0, 0), 0)
    assert same.psnr is None and same.levels == 1 and same.pixels == 70 * 90


def test_known_pixels_do_not_count() -> None:
    assert found(np.where(HOLE[..., None] > 0, REFERENCE, 0)) == found(REFERENCE)


def test_a_shift_is_of_each_channel_and_has_its_sign() -> None:
    shifted = found(REFERENCE + np.array([0.01, 0, -0.02]))
    assert shifted.shift == pytest.approx((0.01, 0, -0.02)) and shifted.largest == pytest.approx(0.02)
    assert shifted.mean == pytest.approx(0.01) and shifted.psnr == pytest.approx(20 * math.log10(1 / shifted.rms))


@pytest.mark.parametrize(
    "wave",
    [1 - 2 * ((X + Y) % 2), np.sin(2 * np.pi * X / 8), np.cos(2 * np.pi * (X + 2 * Y) / 24), 1 - 2 * (Y % 2)],
    ids=["checkerboard", "stripes", "slanting", "rows"],
)
def test_a_single_wave_is_found_whatever_the_hole(wave: np.ndarray) -> None:
    assert found(REFERENCE + 1e-3 * wave[None, ..., None]).wave > 0.95


@pytest.mark.parametrize(
    "errors",
    [
        RANDOM.standard_normal(REFERENCE.shape),
        np.ones(REFERENCE.shape),
        X[None, ..., None] * np.ones(3),
    ],
    ids=["noise", "shift", "gradient"],
)
def test_what_is_no_wave_is_not_taken_for_one(errors: np.ndarray) -> None:
    assert found(REFERENCE + 1e-3 * errors).wave < 0.05


def test_levels_that_are_missing() -> None:
    posterised = np.floor(REFERENCE * 16) / 16
    assert found(posterised).levels < 0.1 and found(np.full_like(REFERENCE, 0.5)).levels < 0.01


def test_bytes_are_explained_by_the_least_error() -> None:
    values = np.array([[[[10.6, 20.0, 254.9]]]]) / 255
    assert signed_errors(values, np.array([[[[10, 20, 254]]]], np.uint8)).ravel().tolist() == [0, 0, 0]
    off = signed_errors(values, np.array([[[[12, 18, 255]]]], np.uint8)).ravel() * 255
    assert off.tolist() == pytest.approx([1.4, -1.0, 0.1])
    both = signed_errors(np.array([[[[10]]]], np.uint8), np.array([[[[13]]]], np.uint8)) * 255
    assert both.ravel().tolist() == pytest.approx([2.0])
    mirrored = signed_errors(np.array([[[[12]]]], np.uint8), np.array([[[[10.6]]]]) / 255) * 255
    assert mirrored.ravel().tolist() == pytest.approx([-1.4])


def test_several_pictures_count_by_their_pixels() -> None:
    small = np.zeros_like(HOLE)
    small[0, 10:20, 20:30] = 1
    off, other = REFERENCE + 0.01, REFERENCE - 0.03
    parts = [HoleErrors.of(REFERENCE, off, HOLE), HoleErrors.of(REFERENCE, other, small)]
    both = HoleErrors.together(parts)
    share = parts[1].pixels / both.pixels
    assert both.mean == pytest.approx(0.01 + 0.02 * share) and both.largest == pytest.approx(0.03)
    assert both.shift[0] == pytest.approx(0.01 - 0.04 * share)
    assert both.rms == pytest.approx(math.sqrt(0.01**2 * (1 - share) + 0.03**2 * share))


def test_records_are_read_back() -> None:
    errors = found(REFERENCE + 0.01)
    assert HoleErrors.from_dict(errors.to_dict()) == errors


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_keeps_no_limit(value: float) -> None:
    broken = REFERENCE.copy()
    broken[0, 40, 40] = value
    words = Limits(1e9, 1e9, 1e9, 1e9, 1e9, 0.0).broken_by(found(broken))
    assert len(words) >= 4 and words[0].startswith(f"max error {value}")


def test_limits_grow_with_what_eager_is_off_by_and_not_below_the_least() -> None:
    assert Allowance(0.1, 2.0).of(0.01) == 0.1 and Allowance(0.1, 2.0).of(1.0) == 2.0
    rounding = tolerance_of("fp16").photograph
    assert rounding.limits(USUAL_EAGER).rms < rounding.limits(HoleErrors(1, *[1e-5] * 3, (0,) * 3, 0, 1)).rms
    assert tolerance_of("int8").photograph.limits(None) == tolerance_of("int8").photograph.limits(USUAL_EAGER)


def test_small_holes_are_not_asked_for_waves_and_shifts() -> None:
    asked = tolerance_of("fp16").photographs
    assert asked.limits(None, LEAST_PIXELS - 1).wave is None and asked.limits(None, LEAST_PIXELS).wave is not None


def test_int8_keeps_what_it_was_asked_to() -> None:
    """Fewer dB widen the gate, more do not narrow it."""
    usual, coarse, fine = (tolerance_of("int8", least_psnr=db).photographs.rms.least for db in (35, 29, 60))
    assert coarse == pytest.approx(usual * 10 ** (6 / 20)) and fine == usual


def test_int8_that_nothing_else_judges_is_held_to_it_by_the_gate() -> None:
    usual, *others = (
        tolerance_of("int8", least_psnr=db, judged_here=True).photographs.rms.least for db in (35, 29, 60)
    )
    assert usual == pytest.approx(tolerance_of("int8").photographs.rms.least)
    assert others == pytest.approx([usual * 10 ** (6 / 20), usual * 10 ** (-25 / 20)])


@pytest.mark.parametrize("asked", [-1e9, 1e9])
def test_a_bundle_that_asks_for_anything_is_held_to_something(bundles, asked: float) -> None:
    quantisation = {"weights": "8 bits", "least_psnr": asked}
    strange = replace(load_bundle(bundles["float"]), precision="int8", quantisation=quantisation)
    assert tolerance_for(strange).photographs.rms.least < 1.1


def test_tf32_is_held_to_what_it_rounds_to(bundles) -> None:
    bundle = load_bundle(bundles["float"])
    assert tolerance_for(bundle) == tolerance_of("fp32")
    assert tolerance_for(replace(bundle, engine={"tf32": True})) == tolerance_of("fp16")


def test_the_wider_of_two() -> None:
    order = [tolerance_of(name) for name in ("fp32", "fp16", "bf16", "int8")]
    assert all(wider([one, other]) == other for one, other in pairwise(order))


def test_photographs_are_their_middles_under_holes_of_their_own() -> None:
    images, masks = Photograph(4, Size(40, 72, 3)).pictures()
    assert images.shape == (3, 40, 72, 3) and images.dtype == masks.dtype == np.uint8 and set(masks.ravel()) == {0, 1}
    assert np.array_equal(images[2], Photograph(0, Size(40, 72)).pictures()[0][0])  # counted round
    assert not np.array_equal(masks[0], masks[1]) and images[0].std() > 20
    assert len({str(one) for one in PHOTOGRAPHS}) == len(PHOTOGRAPHS) == 7
