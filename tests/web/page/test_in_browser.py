"""The same page without a server that computes: plain files, the package and ONNX Runtime in the browser."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from lama_deploy import Inpainter
from tests.kernel_build import ROOT
from tests.web.page.conftest import SIZE, Drive

pytest.importorskip("playwright", reason="Playwright is not installed: pip install playwright")

from tests.web.page.driving import Driver

pytestmark = pytest.mark.slow  # each visit compiles ONNX Runtime anew

ORIENTATION, MAKE = 0x0112, 0x010F
KEEP_MASKS = """
() => import(new URL('lama/index.js', document.baseURI)).then(({ Inpainter }) => {
  const { run } = Inpainter.prototype;
  window.ran = [];
  Inpainter.prototype.run = function (image, mask, options) {
    window.ran.push({ image: [...image.data], mask: [...mask.data], size: [image.width, image.height] });
    return run.call(this, image, mask, options);
  };
})
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of what `lama-export --to web` writes."""
    from lama_export.web.site import write_site
    from tests.web.package.bundles import write_demo
    from tests.web.package.serving import Server

    runtime = ROOT / "web" / "node_modules" / "onnxruntime-web" / "dist"
    if not runtime.is_dir():
        pytest.skip("web/node_modules is missing: run npm ci in web/")
    folder = tmp_path_factory.mktemp("page")
    (folder / "site").mkdir()
    write_site(write_demo(folder / "bundle"), folder / "site", name="lama-demo", runtime=runtime)
    server = Server(folder / "site", isolated=True)
    yield server.address
    server.stop()


def ran(desk: Driver, index: int) -> tuple[np.ndarray, np.ndarray]:
    """(H, W, 3) uint8 and (H, W) bool: what the package was given."""
    given = desk.page.evaluate(f"window.ran.at({index})")
    width, height = given["size"]
    image = np.array(given["image"], np.uint8).reshape(height, width, 4)
    return image[..., :3], np.array(given["mask"], np.uint8).reshape(height, width) > 0


def test_a_turned_jpeg_is_filled_twice_and_comes_back_as_jpeg(
    drive: Drive, site: str, inpainter: Inpainter, pixels: np.ndarray, tmp_path: Path
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKE] = 6, "lama-deploy"
    file = tmp_path / "phone.jpg"
    stored = Image.fromarray(np.ascontiguousarray(np.rot90(pixels)))
    stored.save(file, exif=exif, icc_profile=profile, quality=95, subsampling=0)

    desk: Driver = drive(site, color_scheme="dark")
    assert "nothing is sent anywhere" in desk.page.inner_text("#privacy")
    desk.page.evaluate(KEEP_MASKS)
    desk.open(file, SIZE)
    desk.drag((40, 40), (70, 60))
    desk.page.click("#remove")
    desk.told("Done in")
    shown, hole = ran(desk, 0)
    decoded = np.rot90(np.asarray(Image.open(file)), -1)
    assert np.abs(shown.astype(int) - decoded).mean() < 1 and hole[45, 48] and not hole[100].any()
    first = np.asarray(inpainter(shown, hole.astype(np.uint8)))
    desk.drag((100, 90), (130, 90))
    desk.page.click("#remove")
    desk.page.wait_for_selector("#remove:visible")
    desk.told("Done in")
    again, hole = ran(desk, 1)
    assert np.array_equal(again, first)  # between edits nothing is lost, and the bytes are those of Inpainter
    second = np.asarray(inpainter(again, hole.astype(np.uint8)))
    assert desk.shown((115.5, 90.5)) == [tuple(second[90, 115])]

    name, content = desk.download()
    saved = Image.open(io.BytesIO(content))
    assert (name, saved.format, saved.size) == ("phone-filled.jpg", "JPEG", SIZE)
    assert (saved.getexif()[ORIENTATION], saved.getexif()[MAKE]) == (1, "lama-deploy")
    assert saved.info["icc_profile"] == profile
    greys = [np.asarray(image.convert("L")).astype(int) for image in (saved, Image.fromarray(second))]
    assert np.abs(greys[0] - greys[1]).mean() < 3  # browsers halve the colours' resolution
    desk.told("the photo is stored upright")
    assert desk.page.evaluate("window.sent.length") == 0


def test_a_png_comes_back_without_loss_with_profile_and_exif(
    drive: Drive, site: str, pixels: np.ndarray, tmp_path: Path
) -> None:
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    exif = Image.Exif()
    exif[MAKE] = "lama-deploy"
    file = tmp_path / "photo.png"
    Image.fromarray(pixels).save(file, exif=exif, icc_profile=profile)
    desk: Driver = drive(site, color_scheme="dark")
    desk.page.evaluate(KEEP_MASKS)
    desk.open(file, SIZE)
    desk.drag((40, 40), (70, 60))
    desk.page.click("#remove")
    desk.told("Done in")
    _, hole = ran(desk, 0)
    name, content = desk.download()
    saved = Image.open(io.BytesIO(content))
    assert (name, saved.mode, saved.info["icc_profile"]) == ("photo-filled.png", "RGB", profile)
    assert saved.getexif()[MAKE] == "lama-deploy"
    assert np.array_equal(np.asarray(saved)[~hole], pixels[~hole])


def test_a_model_that_is_not_there_is_told_and_marks_stay(drive: Drive, site: str, photo: Path) -> None:
    desk: Driver = drive(site, color_scheme="dark", service_workers="block")
    desk.page.route("**/model/**", lambda route: route.fulfill(status=404))
    desk.open(photo, SIZE)
    desk.drag((40, 40), (70, 60))
    desk.page.click("#remove")
    desk.told("The model cannot be loaded")
    assert desk.page.is_enabled("#undo")
    desk.page.unroute("**/model/**")
    desk.page.click("#remove")
    desk.told("Done in")
