"""Batches and lists of pictures: more than memory has room for, and some that are none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from lama_deploy.errors import ImageError
from lama_deploy.images.scenes import scene
from lama_deploy.process_memory import ProcessMemory
from lama_deploy.runtime import memory
from lama_deploy.runtime.backend import Capabilities, Memory
from lama_deploy.runtime.inpainter import Inpainter
from tests.lama_deploy.runtime.strategies.test_whole import Inverter


def test_a_batch_that_memory_has_no_room_for_runs_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(memory, "process_memory", lambda: ProcessMemory(0, 10_000))
    pixels, holes = scene(40, 50, 6)
    backend = Inverter(Capabilities(memory=Memory(fixed=0, per_pixel=1)))
    found = Inpainter(backend).run(pixels, holes)
    np.testing.assert_array_equal(found, np.where(holes[..., None] > 0, 255 - pixels, pixels))
    assert backend.ran == [(1, 40, 50)] * 6
    Inpainter(backend).run(pixels[:4], holes[:4])
    assert backend.ran[6:] == [(4, 40, 50)]


def test_what_is_no_picture_is_an_error_in_its_place() -> None:
    pixels, holes = scene(40, 50)
    wrong: list[Any] = [(pixels[0], holes[0, 1:]), (pixels[0].astype(float), holes[0]), ("a.png", holes[0])]
    told: list[int] = []
    found = Inpainter(Inverter()).run_many(
        [wrong[0], (pixels[0], holes[0]), *wrong[1:]], lambda index, _: told.append(index)
    )
    assert [type(one) for one in found] == [ImageError, np.ndarray, ImageError, ImageError]
    assert told == [1]
    assert "the mask is 50x39, the image 50x40" in str(found[0])
    assert str(found[3]) == "a picture is str and ndarray; allowed: two NumPy arrays; map takes other kinds"


def test_windows_are_chosen_by_all_of_the_holes_or_not_at_all() -> None:
    pixels, holes = scene(40, 50)
    inpainter = Inpainter(Inverter())
    for around, message in ((holes[0, 1:], "around is"), (np.zeros_like(holes[0]), "around leaves out some")):
        with pytest.raises(ImageError, match=message):
            inpainter.run(pixels, holes, around=around)
    assert inpainter.run(pixels, holes, around=np.ones_like(holes[0])).shape == pixels.shape
