"""A photo of 24 megapixels: the screen shows less, and no pixel is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.images.scenes import scene
from tests.web.page.conftest import Drive

pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from tests.web.page.driving import Driver

SIZE = (6000, 4000)


@pytest.mark.slow
def test_24_megapixels_are_painted_on_scaled_and_filled_as_they_are(
    drive: Drive, inpainter: Inpainter, tmp_path: Path
) -> None:
    coarse = scene(400, 600, 1, seed=3)[0][0]
    pixels = coarse.repeat(10, 0).repeat(10, 1)
    pixels[::7, ::5] ^= 1  # what scaling would lose
    file = tmp_path / "large.png"
    Image.fromarray(pixels).save(file, compress_level=1)
    desk: Driver = drive()
    desk.page.set_default_timeout(120_000)
    desk.open(file, SIZE)
    desk.drag((3000, 2000), (3300, 2100))
    sent = desk.remove()
    assert sent.hole.shape == SIZE[::-1]
    ys, xs = np.nonzero(sent.hole)
    step = desk.radius / 20  # of the mouse: one pixel of the screen
    assert abs(xs.min() - (3000 - desk.radius)) <= step and abs(ys.max() + 1 - (2100 + desk.radius)) <= step
    assert len(sent.files["mask"]) < 100_000
    assert np.array_equal(sent.result[~sent.hole], pixels[~sent.hole])
    assert np.array_equal(sent.result, np.asarray(inpainter(pixels, sent.hole.astype(np.uint8))))
    desk.page.keyboard.press("Control+z")
    desk.told("Undone: a fill")
    _, content = desk.download() if desk.page.is_enabled("#download") else ("", b"")
    assert content == b""  # the original again
