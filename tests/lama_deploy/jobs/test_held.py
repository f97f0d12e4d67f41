"""Frames of a folder get windows that hold still while their holes stay near."""

import numpy as np
import pytest

from lama_deploy import Inpainter
from lama_deploy.jobs.video.held import WANDER, Held
from lama_deploy.runtime.backend import Capabilities


class Remembering:
    """Fills with one grey. seen: the windows that it is given, by their first known pixel."""

    name, device, capabilities = "remembering", "cpu", Capabilities()

    def __init__(self) -> None:
        self.seen: list[tuple[int, ...]] = []

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        self.seen.append((*images.shape[1:3], *images[0, 0, 0].tolist()))
        return np.where(masks[..., None] > 0, 250, images).astype(np.uint8)


FRAME = np.zeros((900, 1200, 3), np.uint8)
FRAME[..., 0], FRAME[..., 1] = np.arange(900)[:, None] // 4, np.arange(1200) // 5
FRAME[..., 2] = 9


def hole_at(x: int, size: int = 40) -> np.ndarray:
    hole = np.zeros((900, 1200), np.uint8)
    hole[400 : 400 + size, x : x + size] = 1
    return hole


@pytest.fixture
def held() -> Held:
    return Held(Inpainter(Remembering(), "crop"))


def windows(held: Held, holes: list[np.ndarray]) -> list[tuple[int, ...]]:
    for hole in holes:
        (result,) = held.run_many([(FRAME, hole)])
        np.testing.assert_array_equal(result, np.where(hole[..., None] > 0, 250, FRAME))
    return held.backend.seen


def test_holes_that_stay_near(held):
    assert len(set(windows(held, [hole_at(600 + x) for x in (0, WANDER, -WANDER, 7)]))) == 1


def test_holes_that_leave(held):
    seen = windows(held, [hole_at(600 + 8 * x) for x in range(20)])
    assert len(set(seen)) == 3 and seen == sorted(seen)


def test_a_hole_that_shrinks_and_a_frame_of_another_size(held):
    seen = windows(held, [hole_at(100, 400), hole_at(300, 20)])
    assert seen[0][0] > seen[1][0]
    assert held.run(FRAME[None, :500], hole_at(300)[None, :500]).shape == (1, 500, 1200, 3)


def test_without_it_they_follow():
    inpainter = Inpainter(Remembering(), "crop")
    for x in range(0, 40, 5):
        inpainter.run(FRAME[None], hole_at(600 + x)[None])
    assert len(set(inpainter.backend.seen)) > 1
