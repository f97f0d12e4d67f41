"""Pictures keep alpha, EXIF and ICC profile through reading and writing; bad files get one error each."""

import struct
import warnings
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import product
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from lama_deploy.errors import ImageError
from lama_deploy.images import opening
from lama_deploy.images.files import ORIENTATION, Photograph, format_of, read_mask, read_photograph, write_photograph

RANDOM = np.random.default_rng(2)
RGB = RANDOM.integers(0, 256, (6, 10, 3), dtype=np.uint8)
ALPHA = RANDOM.integers(0, 256, (6, 10), dtype=np.uint8)
ALPHA[:2] = 0
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
MAKER, EXIF_FOLDER, DATE = 0x010F, 0x8769, 0x9003


def exif(orientation: int = 1) -> Image.Exif:
    tags = Image.Exif()
    tags[ORIENTATION] = orientation
    tags[MAKER] = "Camera"
    tags.get_ifd(EXIF_FOLDER)[DATE] = "2021:02:03 04:05:06"
    return tags


def photograph(alpha: bool = False, **changes: object) -> Photograph:
    values = {"rgb": RGB, "alpha": ALPHA if alpha else None, "exif": Image.Exif(), "icc_profile": None}
    return Photograph(**values | changes)


@pytest.mark.parametrize(
    ("suffix", "alpha"), [(".bmp", False), *product([".png", ".webp", ".tif", ".tiff"], [False, True])]
)
def test_lossless_round_trip(tmp_path, suffix, alpha):
    write_photograph(tmp_path / f"o{suffix}", photograph(alpha))
    back = read_photograph(tmp_path / f"o{suffix}")
    np.testing.assert_array_equal(back.rgb, RGB)
    if alpha:
        np.testing.assert_array_equal(back.alpha, ALPHA)
    else:
        assert back.alpha is None


@pytest.mark.parametrize("suffix", [".jpg", ".JPEG"])
def test_jpeg_is_written_nearly_lossless(tmp_path, suffix):
    smooth = np.broadcast_to(np.linspace(20, 230, 64, dtype=np.uint8)[:, None], (16, 64, 3))
    write_photograph(tmp_path / f"o{suffix}", photograph(rgb=smooth))
    with Image.open(tmp_path / f"o{suffix}") as image:
        assert image.format == "JPEG"
        assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # no chroma subsampling
    assert np.abs(read_photograph(tmp_path / f"o{suffix}").rgb.astype(int) - smooth).max() <= 3


@pytest.mark.parametrize("source", [".jpg", ".png", ".webp"])
@pytest.mark.parametrize("target", [".jpg", ".png", ".webp", ".tif"])
def test_exif_and_profile_are_kept(tmp_path, source, target):
    Image.fromarray(RGB).save(tmp_path / f"i{source}", exif=exif(6), icc_profile=SRGB)
    write_photograph(tmp_path / f"o{target}", read_photograph(tmp_path / f"i{source}"))
    with Image.open(tmp_path / f"o{target}") as image:
        tags = image.getexif()
        assert (tags[ORIENTATION], tags[MAKER]) == (6, "Camera")
        assert tags.get_ifd(EXIF_FOLDER)[DATE] == "2021:02:03 04:05:06"
        assert image.info["icc_profile"] == SRGB


def test_exif_folder_of_a_tiff_is_kept(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "i.jpg", exif=exif())
    for source, target in (("i.jpg", "o.tif"), ("o.tif", "p.tif"), ("p.tif", "q.png")):
        write_photograph(tmp_path / target, read_photograph(tmp_path / source))
        with Image.open(tmp_path / target) as image:
            assert image.getexif().get_ifd(EXIF_FOLDER)[DATE] == "2021:02:03 04:05:06"


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("suffix", [".tif", ".png", ".webp"])
def test_tiff_of_any_mode_is_written_readably(tmp_path, mode, suffix):
    image = Image.new("I;16", (10, 6), 12345) if mode == "I;16" else Image.fromarray(RGB).convert(mode)
    image.save(tmp_path / "i.tif", tiffinfo={MAKER: "Scanner"}, icc_profile=SRGB, compression="tiff_lzw")
    first = read_photograph(tmp_path / "i.tif")
    write_photograph(tmp_path / f"o{suffix}", first)
    second = read_photograph(tmp_path / f"o{suffix}")
    np.testing.assert_array_equal(second.rgb, first.rgb)
    assert second.exif[MAKER] == "Scanner" and second.icc_profile == SRGB
    assert first.rgb.shape == (6, 10, 3) and (mode != "I;16" or (first.rgb == 12345 >> 8).all())


def test_cmyk_profile_is_used_and_left_out(tmp_path, icc_profile):
    Image.new("CMYK", (10, 6), (255, 0, 0, 0)).save(tmp_path / "i.jpg", icc_profile=icc_profile(b"CMYK"))
    photo = read_photograph(tmp_path / "i.jpg")
    assert np.ptp(photo.rgb) <= 1 and photo.icc_profile is None


@pytest.mark.parametrize("name", ["o.gif", "o", "o.png.txt"])
def test_unknown_output_suffix(tmp_path, name):
    with pytest.raises(ImageError, match=r"cannot write .*; allowed: .png, .jpg, .jpeg, .webp, .tif, .tiff, .bmp"):
        write_photograph(tmp_path / name, photograph())
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("suffix", [".jpg", ".jpeg", ".bmp"])
def test_transparency_is_not_dropped_silently(tmp_path, suffix):
    with pytest.raises(ImageError, match=r"cannot keep the image's transparency; write .png, .webp or .tif"):
        write_photograph(tmp_path / f"o{suffix}", photograph(alpha=True))
    assert not list(tmp_path.iterdir())


def test_format_of_ignores_case():
    assert [format_of(Path(name)) for name in ("a.PNG", "b.JPeG", "c.TIFF")] == ["PNG", "JPEG", "TIFF"]


LONG_EXIF = Image.Exif()
LONG_EXIF[MAKER] = "x" * 70000
UNWRITABLE = {
    "WebP too wide": ("o.webp", {"rgb": np.zeros((1, 17000, 3), np.uint8)}, "exceeds WebP limit"),
    "JPEG too wide": ("o.jpg", {"rgb": np.zeros((1, 66000, 3), np.uint8)}, "cannot be written"),
    "EXIF too long": ("o.jpg", {"exif": LONG_EXIF}, "EXIF data is too long"),
    "folder is a file": ("old.png/o.png", {}, r"cannot be written \((Not a directory|File exists)"),
    "folder of this name": ("folder.png", {}, r"cannot be written \(Is a directory"),
}


@pytest.mark.parametrize("case", UNWRITABLE)
def test_failed_write_leaves_nothing(tmp_path, case, capfd):
    name, changes, message = UNWRITABLE[case]
    (tmp_path / "old.png").write_bytes(b"old")
    (tmp_path / "folder.png").mkdir()
    with pytest.raises(ImageError, match=message):
        write_photograph(tmp_path / name, photograph(**changes))
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["folder.png", "old.png"]
    assert (tmp_path / "old.png").read_bytes() == b"old"


def test_failed_write_keeps_the_older_file(tmp_path, monkeypatch):
    write_photograph(tmp_path / "o.png", photograph())
    before = (tmp_path / "o.png").read_bytes()

    def disk_full(self: Image.Image, file: BinaryIO, **options: object) -> None:
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Image.Image, "save", disk_full)
    with pytest.raises(ImageError, match=r"cannot be written \(No space left on device\)"):
        write_photograph(tmp_path / "o.png", photograph())
    assert [path.name for path in tmp_path.iterdir()] == ["o.png"]
    assert (tmp_path / "o.png").read_bytes() == before


def png_of_size(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


UNREADABLE = {
    "text": (lambda good: b"no picture at all", "not a picture in any format that is read"),
    "empty": (lambda good: b"", "not a picture"),
    "half": (lambda good: good[: len(good) // 2], "truncated or damaged"),
    "header only": (lambda good: good[:40], "(truncated or damaged|not a picture)"),
    "flipped bytes": (lambda good: good[:60] + bytes(40) + good[100:], "truncated or damaged"),
    "more than the limit": (lambda good: png_of_size(10_001, 10_000), "10001x10000 is more than 100,000,000 pixels"),
    "bomb": (lambda good: png_of_size(65_000, 65_000), "more pixels than Pillow opens"),
}


@pytest.mark.parametrize("case", UNREADABLE)
@pytest.mark.parametrize("as_mask", [False, True])
def test_unreadable_picture(tmp_path, case, as_mask):
    change, message = UNREADABLE[case]
    Image.fromarray(RGB).save(tmp_path / "i.png")
    (tmp_path / "i.png").write_bytes(change((tmp_path / "i.png").read_bytes()))
    with pytest.raises(ImageError, match=f"i.png: .*{message}") as caught:
        read_mask(tmp_path / "i.png", photograph()) if as_mask else read_photograph(tmp_path / "i.png")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("suffix", [".jpg", ".webp", ".tif", ".gif"])
def test_truncated_picture_of_any_format(tmp_path, suffix):
    noise = Image.fromarray(RANDOM.integers(0, 256, (64, 64, 3), dtype=np.uint8))
    noise.save(tmp_path / f"i{suffix}")
    data = (tmp_path / f"i{suffix}").read_bytes()
    (tmp_path / f"i{suffix}").write_bytes(data[: len(data) * 2 // 3])
    with pytest.raises(ImageError, match=r"truncated or damaged|not a picture"):
        read_photograph(tmp_path / f"i{suffix}")


def test_missing_picture_and_folder(tmp_path):
    with pytest.raises(ImageError, match=r"none.png: no such file"):
        read_photograph(tmp_path / "none.png")
    with pytest.raises(ImageError, match="directory"):
        read_photograph(tmp_path)


def test_limit_of_pixels_is_inclusive(tmp_path):
    Image.fromarray(RGB).save(tmp_path / "i.png")
    assert read_photograph(tmp_path / "i.png", max_pixels=60).rgb.shape == (6, 10, 3)
    with pytest.raises(ImageError, match=r"10x6 is more than 59 pixels; .*raise --max-pixels"):
        read_photograph(tmp_path / "i.png", max_pixels=59)
    assert opening.MAX_PIXELS == 100_000_000


def test_pillows_own_limit_is_an_image_error_until_lifted(tmp_path):
    (tmp_path / "i.png").write_bytes(png_of_size(20_000, 20_000))
    with pytest.raises(ImageError, match="more pixels than Pillow opens"):
        read_photograph(tmp_path / "i.png", max_pixels=10**9)
    before = Image.MAX_IMAGE_PIXELS
    with opening.pillow_limit_lifted(), pytest.raises(ImageError, match="20000x20000 is more than 100,000,000 pixels"):
        read_photograph(tmp_path / "i.png")
    assert before == Image.MAX_IMAGE_PIXELS


def test_reading_in_threads_leaves_pillows_limit_alone(tmp_path):
    """It once did not, and a process that had read a folder took any size of picture ever after."""
    Image.fromarray(RGB).save(tmp_path / "i.png")
    before = Image.MAX_IMAGE_PIXELS
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(read_photograph, [tmp_path / "i.png"] * 200))
    assert before == Image.MAX_IMAGE_PIXELS


def test_broken_metadata_does_not_stop_a_picture(tmp_path):
    with opening.pillow_quiet(), warnings.catch_warnings(record=True) as said:
        Image.fromarray(RGB).save(
            tmp_path / "i.jpg", exif=b"Exif\0\0MM\0*\0\0\0\x08\0\x05\x01\x12\0\x03", icc_profile=b"?"
        )
        photo = read_photograph(tmp_path / "i.jpg")
    assert said == []
    assert photo.rgb.shape == (6, 10, 3) and photo.icc_profile is None and not dict(photo.exif)


@pytest.fixture
def shown_mask(tmp_path: Path) -> Callable[[int, str], tuple[Path, Photograph, np.ndarray]]:
    """(orientation, suffix) -> a mask drawn over the picture as it is shown, the picture, the mask as stored."""

    def make(orientation: int, suffix: str) -> tuple[Path, Photograph, np.ndarray]:
        stored = np.zeros((6, 10), np.uint8)
        stored[0, :3] = stored[4, 9] = 1
        Image.fromarray(RGB).save(tmp_path / f"i{suffix}", exif=exif(orientation))
        mask = Image.fromarray(stored * 255)
        mask.getexif()[ORIENTATION] = orientation
        turned = ImageOps.exif_transpose(mask)
        turned.save(tmp_path / "m.png", exif=Image.Exif())
        return tmp_path / "m.png", read_photograph(tmp_path / f"i{suffix}"), stored

    return make


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_mask_is_turned_with_the_picture(shown_mask, orientation, suffix):
    path, photo, stored = shown_mask(orientation, suffix)
    assert photo.rgb.shape == (6, 10, 3) and photo.exif[ORIENTATION] == orientation
    with Image.open(path) as mask:
        assert mask.size == ((6, 10) if orientation >= 5 else (10, 6))
    holes = read_mask(path, photo)
    np.testing.assert_array_equal(holes, stored)
    assert holes.dtype == np.uint8


@pytest.mark.parametrize("orientation", [5, 6, 8])
def test_mask_that_fits_only_the_stored_size(tmp_path, shown_mask, orientation):
    _, photo, stored = shown_mask(orientation, ".jpg")
    Image.fromarray(stored * 255).save(tmp_path / "stored.png")
    np.testing.assert_array_equal(read_mask(tmp_path / "stored.png", photo), stored)


def test_mask_of_another_size_is_not_decoded(tmp_path, monkeypatch):
    (tmp_path / "m.png").write_bytes(png_of_size(9_000, 9_000))
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(ImageError, match="the mask is 9000x9000, the image 10x6; both must"):
        read_mask(tmp_path / "m.png", photograph())


@pytest.mark.parametrize(("orientation", "shown"), [(1, "10x6"), (3, "10x6"), (6, "6x10"), (8, "6x10")])
@pytest.mark.parametrize("size", [(4, 3), (5, 5)])
def test_mask_of_another_size(tmp_path, shown_mask, orientation, shown, size):
    _, photo, _ = shown_mask(orientation, ".jpg")
    Image.new("L", size, 255).save(tmp_path / "m.png")
    with pytest.raises(ImageError, match=f"the mask is {size[0]}x{size[1]}, the image {shown}; both must"):
        read_mask(tmp_path / "m.png", photo)


def test_only_the_first_frame_is_read(tmp_path):
    frames = [Image.new("RGB", (4, 3), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "i.gif", save_all=True, append_images=frames[1:])
    assert (read_photograph(tmp_path / "i.gif").rgb == (255, 0, 0)).all()


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_bitmap_is_turned_as_it_is_shown(tmp_path, orientation):
    """It has no place for EXIF: viewers would show the picture as it is stored."""
    write_photograph(tmp_path / "i.png", photograph(exif=exif(orientation)))
    write_photograph(tmp_path / "o.bmp", read_photograph(tmp_path / "i.png"))
    with Image.open(tmp_path / "i.png") as stored, Image.open(tmp_path / "o.bmp") as turned:
        np.testing.assert_array_equal(np.asarray(turned), np.asarray(ImageOps.exif_transpose(stored)))


def test_layers_of_the_original_are_left_out(tmp_path):
    """Photoshop would show them instead of the result."""
    image = Image.fromarray(RGB)
    image.save(tmp_path / "i.tif", tiffinfo={37724: b"Adobe Photoshop Document Data Block\0", MAKER: "Scanner"})
    tags = read_photograph(tmp_path / "i.tif").exif
    assert 37724 not in tags and tags[MAKER] == "Scanner"


def test_metadata_that_cannot_be_written_again_costs_itself_alone(tmp_path, monkeypatch):
    Image.fromarray(RGB).save(tmp_path / "i.jpg", exif=exif(6))
    monkeypatch.setattr(Image.Exif, "tobytes", lambda self, offset=8: struct.pack("B", 300))
    assert dict(read_photograph(tmp_path / "i.jpg").exif) == {ORIENTATION: 6}
