"""Inpainter.map, acall and amap: the results of calls, in order; and one Inpainter for many threads."""

import asyncio
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from PIL import Image

from lama_deploy import ImageError, Inpainter
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backend import Capabilities

SIZES = ((24, 40), (33, 21), (24, 40), (64, 48), (17, 90), (24, 40))


class Inverting:
    """Inverts the hole; counts the pictures of each run."""

    name, device = "inverting", "cpu"
    capabilities = Capabilities(batch=8)

    def __init__(self) -> None:
        self.threads = set[int]()

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        self.threads.add(threading.get_ident())
        return np.where(masks[..., None] > 0, 255 - images, images)


def pairs() -> Iterator[tuple[np.ndarray, np.ndarray]]:
    for seed, (height, width) in enumerate(SIZES):
        images, masks = scene(height, width, seed=seed)
        yield images[0], masks[0]


@pytest.fixture
def inpaint() -> Inpainter:
    return Inpainter(Inverting())


def test_map_gives_what_calls_give_in_every_kind(inpaint, tmp_path):
    kinds = list(pairs())
    kinds[1] = (Image.fromarray(kinds[1][0]), Image.fromarray(kinds[1][1] * 255))
    Image.fromarray(kinds[2][0]).save(tmp_path / "a.png")
    kinds[2] = (tmp_path / "a.png", kinds[2][1])
    kinds[3] = scene(20, 30, 3, seed=9)  # a batch
    kinds[4] = (kinds[4][0][..., 0], kinds[4][1])  # grey
    found = list(inpaint.map(iter(kinds)))
    for one, pair in zip(found, kinds, strict=True):
        wanted = inpaint(*pair)
        assert type(one) is type(wanted)
        np.testing.assert_array_equal(np.asarray(one), np.asarray(wanted))


def test_map_raises_at_the_item_or_returns_it_there(inpaint):
    items: list = list(pairs())
    items[1] = (items[1][0], items[0][1])
    items[3] = "no pair"
    found = inpaint.map(items)
    next(found)
    with pytest.raises(ImageError, match="the mask is 40x24, the image 21x33"):
        next(found)
    kept = list(inpaint.map(items, on_error="return"))
    assert [isinstance(one, ImageError) for one in kept] == [False, True, False, True, False, False]
    assert "allowed: pairs of an image and its mask" in str(kept[3])


def test_map_takes_options_of_masks_and_refuses_others(inpaint):
    image, hole = next(pairs())
    (found,) = inpaint.map([(image, hole)], invert=True)
    np.testing.assert_array_equal(found, inpaint(image, hole, invert=True))
    for wrong in ({"ahead": 0}, {"ahead": True}, {"on_error": "ignore"}, {"mask_from": "x"}):
        with pytest.raises(ImageError, match="allowed"):
            inpaint.map([], **wrong)


def test_calls_are_awaited_beside_the_event_loop(inpaint):
    async def both() -> list:
        return await asyncio.gather(*(inpaint.acall(image, hole) for image, hole in pairs()))

    for one, pair in zip(asyncio.run(both()), pairs(), strict=True):
        np.testing.assert_array_equal(one, inpaint(*pair))
    assert threading.get_ident() in inpaint.backend.threads and len(inpaint.backend.threads) == 2


def test_a_call_that_is_cancelled_before_its_turn_is_not_computed():
    class Slow(Inverting):
        entered, go_on, runs = threading.Event(), threading.Event(), 0

        def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
            self.runs += 1
            self.entered.set()
            assert self.go_on.wait(10)
            return super().run(images, masks)

    slow = Inpainter(Slow())
    image, hole = next(pairs())

    async def first_and_second() -> list:
        first, second, third = (asyncio.ensure_future(slow.acall(image, hole)) for _ in range(3))
        await asyncio.to_thread(slow.backend.entered.wait)
        second.cancel()
        await asyncio.sleep(0)
        slow.backend.go_on.set()
        return await asyncio.gather(first, second, third, return_exceptions=True)

    first, second, third = asyncio.run(first_and_second())
    assert isinstance(second, asyncio.CancelledError) and slow.backend.runs == 2
    np.testing.assert_array_equal(first, third)


def test_amap_is_map_and_may_be_left(inpaint):
    async def some(most: int) -> list:
        found = []
        async for one in inpaint.amap(pairs()):
            found.append(one)
            if len(found) == most:
                break
        return found

    for most in (2, 100):
        for one, pair in zip(asyncio.run(some(most)), pairs(), strict=most > 2):
            np.testing.assert_array_equal(one, inpaint(*pair))

    async def wrong() -> None:
        async for _ in inpaint.amap(["no pair"]):
            pass

    with pytest.raises(ImageError, match="allowed: pairs"):
        asyncio.run(wrong())


BACKENDS = ("onnxruntime", "openvino", "torch", "cuda", "whole and crop")


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_inpainter_for_eight_threads_and_mixed_sizes(backend, tiny, bundles, openvino_bundles):
    """The same bytes as one after the other, whatever runs beside."""
    of_files = {
        "onnxruntime": bundles["uint8"],
        "openvino": openvino_bundles["fp32"],
        "whole and crop": bundles["uint8"],
    }
    if backend in of_files:
        inpaint = Inpainter.load(of_files[backend], threads=2)
    else:
        inpaint = Inpainter.of(tiny, backend=backend, device="cpu")
    given = list(pairs()) if backend != "whole and crop" else [large(seed) for seed in range(3)]
    wanted = [inpaint(*pair) for pair in given]
    order = [index for seed in range(8) for index in np.random.default_rng(seed).permutation(len(given))]
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda index: inpaint(*given[index]), order))
    for index, one in zip(order, found, strict=True):
        np.testing.assert_array_equal(one, wanted[index])


def large(seed: int) -> tuple[np.ndarray, np.ndarray]:
    """With two small holes, which windows are put around."""
    images, _ = scene(800, 900 + 64 * seed, seed=seed)
    hole = np.zeros(images.shape[1:3], np.uint8)
    hole[100:110, 100:120] = hole[600:620, 700:710] = 1
    return images[0], hole
