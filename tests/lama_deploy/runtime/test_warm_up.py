"""What an engine makes for a size is there when the first picture comes."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from lama_deploy.errors import DeviceMemoryError, ImageError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backend import Capabilities, Memory
from tests.lama_deploy.tensorrt.emulated_machine import Machine


class Noting:
    """A backend that notes what is run."""

    name, device = "noting", "cpu"

    def __init__(self, **capabilities: Any) -> None:
        self.capabilities = Capabilities(**capabilities)
        self.runs: list[tuple[int, ...]] = []

    def run(self, images: Array, masks: Array) -> Array:
        assert images.max() == 0 and masks.min() == 1
        self.runs.append(masks.shape)
        return images


def test_each_size_is_run_until_it_settles() -> None:
    backend = Noting(settles_after=2)
    Inpainter(backend).warm_up(iter([(40, 48), np.array([2, 9, 7])]))
    assert backend.runs == [(1, 40, 48)] * 2 + [(2, 9, 7)] * 2


@pytest.mark.parametrize("size", [(0, 64), (64,), (1, 2, 3, 4), (64, 64.5), ("64", 64), (1, 64, 2**20 + 1), 64, None])
def test_sizes_that_are_none(size: Any) -> None:
    """None of them is run, and none of those before."""
    backend = Noting()
    with pytest.raises(ImageError, match=r"a size to warm up with is .*; allowed: \(height, width\) or \(count, hei"):
        Inpainter(backend).warm_up([(8, 8), size])
    assert not backend.runs


def test_what_memory_is_not_there_for() -> None:
    backend = Noting(memory=Memory(fixed=0, per_pixel=1e9))
    with pytest.raises(DeviceMemoryError, match="no memory for a run of so many pictures of this size; warm up with"):
        Inpainter(backend).warm_up([(2**20, 2**20, 2**20)])
    assert not backend.runs


def test_a_real_one(bundles: Mapping[str, Path]) -> None:
    Inpainter.load(bundles["float"], threads=1).warm_up([(1, 1), (2, 33, 57)])


@pytest.mark.parametrize("machine", ["trt", "rtx"], indirect=True)
@pytest.mark.parametrize("graphs", [8, 0])
@pytest.mark.parametrize("streams", [1, 2])
def test_an_engine_makes_nothing_new_for_a_size_that_is_warm(machine: Machine, graphs: int, streams: int) -> None:
    """On each of its streams."""
    inpaint = Inpainter(machine.open(streams=streams, graphs=graphs), "whole")
    inpaint.warm_up([(32, 40), (96, 96)])
    seen, driver = machine.engine, machine.driver
    made = seen.contexts, seen.partitions, len(driver.graphs), len(driver.memory), len(driver.pinned)
    replays = seen.replays
    for h, w in [(32, 40)] * streams + [(96, 96)] * streams:
        images, masks = scene(h, w)
        inpaint.run(images, masks)
    if graphs:
        assert (seen.contexts, seen.partitions, len(driver.graphs), len(driver.memory), len(driver.pinned)) == made
        assert seen.replays - replays == (2 * streams if machine.trt.__name__ == "tensorrt_rtx" else 0)
    assert seen.contexts == made[0]
