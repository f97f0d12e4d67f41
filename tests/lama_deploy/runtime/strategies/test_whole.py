"""Any shape over any backend that declares what it takes, with nothing of an engine."""

import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

import numpy as np
import pytest

from lama_deploy.errors import ImageError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.strategies.whole import Whole
from lama_deploy.shapes import Shape, ShapeRange

SMALL = ShapeRange((1, 16, 16), (1, 32, 32), (2, 32, 48))
ANY_SHAPE = Capabilities()


@dataclass
class Inverter:
    """Fills holes with what they hide, inverted; a declared shape is all that it runs."""

    capabilities: Capabilities = ANY_SHAPE
    name: str = "inverter"
    device: str = "cpu"
    ran: list[Shape] = field(default_factory=list)

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        assert self.capabilities.part_for(masks.shape) == masks.shape
        self.ran.append(masks.shape)
        return np.where(masks[..., None] > 0, 255 - images, images)


@dataclass
class Fixable(Inverter):
    """Makes Inverters of one shape."""

    made: list[Inverter] = field(default_factory=list)

    def fixed(self, shape: Shape) -> Inverter:
        self.made.append(Inverter(Capabilities(shapes=(ShapeRange(shape, shape, shape),))))
        return self.made[-1]


def inverted(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
    return np.where(masks[..., None] > 0, 255 - images, images)


@pytest.mark.parametrize("shape", [(1, 1, 1), (5, 40, 30), (1, 300, 7)])
def test_a_backend_that_takes_any_shape_gets_it(shape: Shape) -> None:
    backend = Inverter()
    images, masks = scene(shape[1], shape[2], shape[0])
    np.testing.assert_array_equal(Whole(backend).run(images, masks), inverted(images, masks))
    assert backend.ran == [shape]


@pytest.mark.parametrize("shape", [(2, 32, 48), (1, 17, 31), (3, 20, 20), (1, 5, 40), (4, 3, 3)])
def test_every_shape_comes_back_whole(shape: Shape) -> None:
    images, masks = scene(shape[1], shape[2], shape[0])
    got = Whole(Inverter(Capabilities(shapes=(SMALL,)))).run(images, masks)
    np.testing.assert_array_equal(got, inverted(images, masks))


@pytest.mark.parametrize("shape", [(2, 100, 70), (1, 9, 90)])
def test_larger_pictures_are_a_strategys(shape: Shape) -> None:
    with pytest.raises(ImageError, match="fills such pictures in windows"):
        Whole(Inverter(Capabilities(shapes=(SMALL,)))).run(*scene(shape[1], shape[2], shape[0]))


def test_each_kind_is_said_once(caplog: pytest.LogCaptureFixture) -> None:
    whole = Whole(Inverter(Capabilities(shapes=(SMALL,))))
    for _ in range(2):
        for shape in ((20, 20, 1), (20, 20, 3), (9, 20, 1), (9, 21, 1)):
            whole.run(*scene(*shape))
    assert len(caplog.records) == 2


def test_large_pictures_run_on_a_backend_of_their_shape() -> None:
    backend = Fixable(Capabilities(fixed_from=2 * 40 * 50))
    whole = Whole(backend)
    for n, h, w in ((1, 40, 50), (2, 40, 50), (2, 40, 50), (1, 100, 40), (2, 40, 50)):
        images, masks = scene(h, w, n)
        np.testing.assert_array_equal(whole.run(images, masks), inverted(images, masks))
    assert backend.ran == [(1, 40, 50)]
    assert [one.ran for one in backend.made] == [[(2, 40, 50)] * 2, [(1, 100, 40)], [(2, 40, 50)]]


def test_large_pictures_run_one_at_a_time() -> None:
    """Each holds the memory of a large picture."""
    inside = threading.Semaphore(1)

    class Alone(Fixable):
        def fixed(self, shape: Shape) -> Inverter:
            made = super().fixed(shape)
            run = made.run

            def alone(images: np.ndarray, masks: np.ndarray) -> np.ndarray:
                assert inside.acquire(blocking=False)
                try:
                    return run(images, masks)
                finally:
                    inside.release()

            made.run = alone  # type: ignore[method-assign]
            return made

    whole = Whole(Alone(Capabilities(fixed_from=1)))

    def check(side: int) -> bool:
        images, masks = scene(side, side)
        return np.array_equal(whole.run(images, masks), inverted(images, masks))

    with ThreadPoolExecutor(4) as pool:
        assert all(pool.map(check, [200, 201] * 20))


def test_parts_may_be_large_too() -> None:
    backend = Fixable(Capabilities(shapes=(SMALL,), fixed_from=32 * 48))
    images, masks = scene(32, 48, 3)
    np.testing.assert_array_equal(Whole(backend).run(images, masks), inverted(images, masks))
    assert not backend.ran and [one.ran for one in backend.made] == [[(2, 32, 48)] * 2]
