"""Files as cameras write them: turned by EXIF, with profiles and transparency; and what is downloaded of them."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageCms

from lama_deploy import Inpainter
from tests.web.page.conftest import SIZE, Drive

pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from tests.web.page.driving import Driver

ORIENTATION, MAKE = 0x0112, 0x010F
COLOURS = ((220, 40, 40), (40, 180, 60), (40, 70, 220), (230, 220, 60))  # of the quarters, as they are shown
# From how a picture is shown to how its pixels are stored, by orientation.
STORED: Mapping[int, Any] = {
    1: lambda a: a,
    2: lambda a: a[:, ::-1],
    3: lambda a: a[::-1, ::-1],
    4: lambda a: a[::-1],
    5: lambda a: a.swapaxes(0, 1),
    6: lambda a: np.rot90(a, 1),
    7: lambda a: a[::-1, ::-1].swapaxes(0, 1),
    8: lambda a: np.rot90(a, 3),
}
SHOW = """
async ([bytes, type]) => {
  const { show } = await import('./app/picture.js');
  const { bitmap, width, height } = await show(new Blob([Uint8Array.from(bytes)], { type }));
  const canvas = new OffscreenCanvas(width, height);
  const context = canvas.getContext('2d');
  context.drawImage(bitmap, 0, 0);
  const at = (x, y) => [...context.getImageData(x * width, y * height, 1, 1).data.slice(0, 3)];
  return { size: [width, height], colours: [at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)] };
}
"""


def quarters() -> np.ndarray:
    """(120, 160, 3) uint8, as it is shown."""
    colours = np.array(COLOURS, np.uint8).reshape(2, 2, 3)
    return colours.repeat(SIZE[1] // 2, 0).repeat(SIZE[0] // 2, 1)


def turned(orientation: int, form: str, **options: Any) -> bytes:
    """A file of `quarters`, stored so that this orientation shows it upright."""
    exif = Image.Exif()
    exif[ORIENTATION] = orientation
    exif[MAKE] = "lama-deploy"
    stream = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(STORED[orientation](quarters()))).save(stream, form, exif=exif, **options)
    return stream.getvalue()


@pytest.fixture(scope="module")
def module_page(browser: Any, usual_context: Any, address: str) -> Any:
    page = usual_context.new_page()
    page.goto(address)
    yield page
    page.close()


@pytest.mark.parametrize("form", ["jpeg", "png", "webp"])
def test_pictures_are_shown_upright_whatever_the_browser_does_itself(module_page: Any, form: str) -> None:
    for orientation in STORED:
        shown = module_page.evaluate(SHOW, [list(turned(orientation, form)), f"image/{form}"])
        assert shown["size"] == list(SIZE), orientation
        np.testing.assert_allclose(shown["colours"], COLOURS, atol=12, err_msg=f"{form} {orientation}")


def test_a_turned_jpeg_is_filled_where_it_was_painted_and_downloaded_as_it_was_stored(
    drive: Drive, inpainter: Inpainter, tmp_path: Path
) -> None:
    desk: Driver = drive()
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    file = tmp_path / "phone.jpg"
    file.write_bytes(turned(6, "jpeg", quality=95, subsampling=0, icc_profile=profile, dpi=(300, 300)))
    desk.open(file, SIZE)
    assert np.allclose(desk.shown((10, 10), (150, 10)), COLOURS[:2], atol=12)
    desk.drag((20, 20), (60, 20))
    sent = desk.remove()
    assert sent.files["image"] == file.read_bytes()
    assert sent.hole.shape == SIZE[::-1] and sent.hole[20, 30] and not sent.hole[100].any()
    stored = np.asarray(Image.open(file).convert("RGB"))
    expected = np.asarray(inpainter(stored, np.ascontiguousarray(np.rot90(sent.hole, 1)).astype(np.uint8)))
    assert np.array_equal(sent.result, expected)
    assert np.allclose(desk.shown((10, 10), (150, 10), (10, 110), (150, 110)), COLOURS, atol=12)  # still upright

    desk.drag((100, 90), (140, 90))
    second = desk.remove()
    hole = np.ascontiguousarray(np.rot90(second.hole, 1)).astype(np.uint8)
    assert np.array_equal(second.result, np.asarray(inpainter(expected, hole)))

    name, content = desk.download()
    saved = Image.open(io.BytesIO(content))
    assert (name, saved.format, saved.size) == ("phone-filled.jpg", "JPEG", SIZE[::-1])
    assert (saved.getexif()[ORIENTATION], saved.getexif()[MAKE]) == (6, "lama-deploy")
    assert saved.info["icc_profile"] == profile and saved.info["dpi"] == (300, 300)
    error = np.abs(np.asarray(saved).astype(int) - second.result).mean()
    assert error < 1.5
    desk.told("Downloaded as phone-filled.jpg")


def test_transparency_comes_back_in_a_png(drive: Drive, tmp_path: Path, pixels: np.ndarray) -> None:
    desk: Driver = drive()
    alpha = np.full(SIZE[::-1], 255, np.uint8)
    alpha[:40, :40] = 100
    file = tmp_path / "see-through.png"
    Image.fromarray(np.dstack((pixels, alpha))).save(file)
    desk.open(file, SIZE)
    desk.drag((80, 80), (120, 90))
    hole = desk.remove().hole
    name, content = desk.download()
    saved = np.asarray(Image.open(io.BytesIO(content)))
    assert name == "see-through-filled.png"
    assert np.array_equal(saved[..., 3], alpha)
    assert np.array_equal(saved[~hole], np.dstack((pixels, alpha))[~hole])


def test_a_tiff_that_browsers_do_not_read_is_shown_and_comes_back_as_tiff(
    drive: Drive, tmp_path: Path, pixels: np.ndarray
) -> None:
    desk: Driver = drive()
    file = tmp_path / "scan.tif"
    Image.fromarray(pixels).save(file, dpi=(600, 600))
    desk.open(file, SIZE)
    assert desk.sent().fields == {"format": "png"}  # to be shown
    assert desk.shown((100.5, 30.5)) == [tuple(pixels[30, 100])]
    desk.drag((80, 80), (120, 90))
    sent = desk.remove()
    assert sent.files["image"] == file.read_bytes()
    name, content = desk.download()
    saved = Image.open(io.BytesIO(content))
    assert (name, saved.format, saved.info["dpi"]) == ("scan-filled.tif", "TIFF", (600, 600))
    assert np.array_equal(np.asarray(saved), sent.result)
