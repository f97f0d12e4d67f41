"""What an Inpainter gives back of a picture is what the command writes of it; its doubts go to the module's logger."""

import logging
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.cli import inpaint as command
from lama_deploy.errors import ImageError, LamaDeployError
from lama_deploy.images.mask_notes import EMPTY, SWAPPED
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backend import Capabilities

RGB = scene(24, 36, seed=2)[0][0]
HOLE = np.zeros((24, 36), np.uint8)
HOLE[4:10, 8:20] = 1


class Inverting:
    name, device, capabilities = "inverting", "cpu", Capabilities()

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        return np.where(masks[..., None] > 0, 255 - images, images)


@pytest.fixture
def inpaint() -> Inpainter:
    return Inpainter(Inverting())


def carried(orientation: int) -> dict[str, object]:
    exif = Image.Exif()
    exif[0x0112], exif[0x010F] = orientation, "Camera"
    return {"exif": exif, "dpi": (300, 300)}


PICTURES = {
    "RGB": RGB,
    "RGBA": np.dstack([RGB, RGB[..., 0]]),
    "grey": RGB[..., 0],
    "grey with alpha": RGB[..., :2],
    "16 bits": RGB[..., 0].astype(np.uint16) * 201,
}


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("orientation", [1, 6])
@pytest.mark.parametrize("as_path", [True, False])
def test_one_path_with_the_command(inpaint, tmp_path, monkeypatch, icc_profile, kind, orientation, as_path):
    profile = icc_profile(b"GRAY" if "R" not in kind else b"RGB ")
    image = Image.fromarray(np.ascontiguousarray(PICTURES[kind]))
    image.save(tmp_path / "i.png", icc_profile=profile, **carried(orientation))
    Image.fromarray(np.rot90(HOLE * 255, -1 if orientation == 6 else 0)).save(tmp_path / "m.png")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.Inpainter, "load", lambda *_, **__: inpaint)
    monkeypatch.setattr(sys, "argv", ["lama-inpaint", "i.png", "m.png", "-o", "r.png"])
    assert command.main() == 0
    opened = (lambda name: name) if as_path else Image.open
    result = inpaint(opened("i.png"), opened("m.png"))
    with Image.open("r.png") as written:
        assert result.mode == written.mode == image.mode
        np.testing.assert_array_equal(np.asarray(result), np.asarray(written))
        for one in (result, written):
            assert (one.getexif()[0x0112], one.getexif()[0x010F]) == (orientation, "Camera")
            assert one.info["icc_profile"] == profile and round(one.info["dpi"][0]) == 300


def test_what_is_doubtful_is_a_warning(inpaint, caplog):
    with caplog.at_level(logging.WARNING, "lama_deploy.runtime.inpainter"):
        np.testing.assert_array_equal(inpaint(RGB, HOLE * 0), RGB)
        inpaint(np.dstack([HOLE * 255] * 3), RGB[..., 0])
        inpaint(RGB, HOLE)
    assert caplog.messages == [EMPTY, SWAPPED]


def test_mask_options_are_the_commands(inpaint):
    wanted = np.where(HOLE[..., None], 255 - RGB, RGB)
    for mask, options in (
        (HOLE * 100 + 50, {"mask_threshold": 60}),
        (1 - HOLE, {"invert": True}),
        (np.dstack([RGB, HOLE * 255]), {"mask_from": "alpha"}),
        (HOLE, {"mask_as": "stored"}),
    ):
        np.testing.assert_array_equal(inpaint(RGB, mask, **options), wanted)
    with pytest.raises(ImageError, match="mask_from is blue; allowed: auto, alpha, luminance"):
        inpaint(RGB, HOLE, mask_from="blue")


@pytest.mark.parametrize("source", ["big-lama", Path("models/big.onnx")])
def test_a_path_is_no_backend(source):
    with pytest.raises(LamaDeployError, match=f"takes an opened backend; Inpainter.load\\('{source}'\\) opens a model"):
        Inpainter(source)


def test_errors_name_the_file(inpaint, tmp_path):
    Image.fromarray(RGB).save(tmp_path / "i.png")
    Image.new("L", (5, 4), 255).save(tmp_path / "m.png")
    for image in (tmp_path / "i.png", Image.open(tmp_path / "i.png")):
        with pytest.raises(ImageError, match=r"i.png: the mask is 5x4, the image 36x24"):
            inpaint(image, tmp_path / "m.png")
    with pytest.raises(ImageError, match=r"none.png: no such file"):
        inpaint(RGB, tmp_path / "none.png")


def test_boxes_and_points_in_place_of_a_mask(inpaint):
    batch = np.stack([RGB, RGB[::-1]])
    hole = np.zeros((24, 36), np.uint8)
    hole[2:6, 3:8] = hole[20, 30] = 1
    options = {"boxes": [(3, 2, 5, 4)], "points": [(30, 20, 0)]}
    np.testing.assert_array_equal(inpaint(batch, **options), np.where(hole[..., None], 255 - batch, batch))
    np.testing.assert_array_equal(
        inpaint(RGB, hole, grow=3), inpaint(RGB, boxes=[(3, 2, 5, 4)], points=[(30, 20, 0)], grow=3)
    )
    with pytest.raises(ImageError, match="neither a mask nor a box or point"):
        inpaint(RGB)
