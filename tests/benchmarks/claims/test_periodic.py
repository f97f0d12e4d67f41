"""Drawn patterns repeat where they should, and only there."""

import numpy as np
import pytest

from benchmarks.claims import periodic
from lama_deploy.images.masks import mask_set

SIDE, PERIOD = 96, 12


def shifted_correlation(picture: np.ndarray, down: int, right: int) -> float:
    """Of the picture with itself, moved."""
    gray = picture.astype(float).mean(axis=2)
    height, width = gray.shape
    return float(np.corrcoef(gray[down:, right:].ravel(), gray[: height - down, : width - right].ravel())[0, 1])


@pytest.mark.parametrize("kind", periodic.KINDS)
def test_a_frontal_pattern_repeats_after_its_period(kind: str) -> None:
    pattern = periodic.Pattern(kind=kind, period=PERIOD, noise=3.0, offset=(5.3, 2.9))
    picture = periodic.draw(pattern, SIDE, np.random.default_rng(0))
    along, down = periodic.REPEATS[kind]
    assert shifted_correlation(picture, 0, along * PERIOD) > 0.95
    assert shifted_correlation(picture, down * PERIOD, 0) > 0.95
    assert shifted_correlation(picture, 0, PERIOD // 2) < 0.7


def test_bricks_repeat_in_the_next_course_by_half_a_brick() -> None:
    picture = periodic.draw(periodic.Pattern(kind="bricks", period=PERIOD), SIDE, np.random.default_rng(0))
    assert shifted_correlation(picture, PERIOD // 2, PERIOD // 2) > 0.99
    assert shifted_correlation(picture, PERIOD // 2, 0) < 0.9


def test_a_tilt_makes_what_is_nearer_larger() -> None:
    pattern = periodic.Pattern(kind="fence", period=PERIOD, tilt=(0.0, 0.4))
    gray = periodic.draw(pattern, 4 * SIDE, np.random.default_rng(0)).astype(float).mean(axis=2)
    edges = (np.abs(np.diff(gray, axis=1)) > 40).sum(axis=1)
    top, bottom = np.median(edges[:SIDE]), np.median(edges[-SIDE:])
    assert top > 1.3 * bottom


def test_pairs_are_seeded_mixed_and_leave_half_of_the_picture() -> None:
    masks = mask_set("thick-256").scaled(SIDE / 256)
    pairs = periodic.periodic_pairs(12, SIDE, masks, seed=1)
    again = periodic.periodic_pairs(12, SIDE, masks, seed=1)
    other = periodic.periodic_pairs(12, SIDE, masks, seed=2)
    assert all(
        np.array_equal(a.rgb, b.rgb) and np.array_equal(a.hole, b.hole) for a, b in zip(pairs, again, strict=True)
    )
    assert not any(np.array_equal(a.rgb, b.rgb) for a, b in zip(pairs, other, strict=True))
    assert {pair.name[: len(kind)] for pair in pairs for kind in periodic.KINDS if pair.name.startswith(kind)} == set(
        periodic.KINDS
    )
    assert all(0 < pair.hole.mean() <= 0.5 and pair.rgb.shape == (SIDE, SIDE, 3) for pair in pairs)


def test_both_colours_of_a_random_pattern_can_be_told_apart() -> None:
    random = np.random.default_rng(0)
    for _ in range(50):
        first, second = periodic.random_pattern(random, "grid", SIDE).colours
        assert min(abs(a - b) for a, b in zip(first, second, strict=True)) >= 20
