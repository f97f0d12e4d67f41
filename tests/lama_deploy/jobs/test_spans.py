"""Windows hold still over a span and move rarely; a frame's hole always lies in what they were chosen by."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from lama_deploy.jobs.video.spans import SPAN, spans, still


def hole_at(x: int, size: int = 20, width: int = 600) -> np.ndarray:
    hole = np.zeros((60, width), np.uint8)
    hole[20 : 20 + size, x : x + size] = 1
    return hole


def changes(regions: list[np.ndarray]) -> int:
    return sum(not np.array_equal(a, b) for a, b in pairwise(regions))


def test_a_fixed_mask():
    windows = still(hole_at(5))
    assert all(hole is around for hole, around in (next(windows) for _ in range(100)))


@given(st.lists(st.one_of(st.none(), st.integers(0, 579)), max_size=80))
@settings(max_examples=40, deadline=None)
def test_every_hole_comes_back_and_lies_in_its_region(places):
    holes = [np.zeros((60, 600), np.uint8) if x is None else hole_at(x) for x in places]
    found = list(spans(holes))
    assert len(found) == len(holes)
    for wanted, (hole, around) in zip(holes, found, strict=True):
        np.testing.assert_array_equal(hole, wanted)
        assert not (hole > around).any()
    regions = [around for _, around in found]
    assert changes(regions) <= max(0, -(-len(places) // SPAN) - 1)


def test_trembling_and_absence_move_nothing():
    rng = np.random.default_rng(1)
    holes = [hole_at(300 + int(rng.integers(-6, 7))) for _ in range(10 * SPAN)]
    holes[3 * SPAN : 5 * SPAN] = [np.zeros((60, 600), np.uint8)] * 2 * SPAN
    assert changes([around for _, around in spans(holes)]) == 0


def test_a_hole_that_shrinks_gets_smaller_windows():
    holes = [hole_at(0, 40)] * SPAN + [hole_at(x) for x in range(400, 400 + SPAN)]
    wide = [np.ones((60, 600), np.uint8)] * SPAN
    regions = [around for _, around in spans(wide + holes)]
    assert regions[-1].sum() < regions[0].sum() / 2


def test_no_more_is_read_than_a_span():
    read = []
    windows = spans(read.append(x) or hole_at(x) for x in range(500))
    next(windows)
    assert len(read) == SPAN
