"""What a picture has besides 8 bits of RGB is kept, known pixels to the bit, or it is said that it is not."""

import io
import struct
import zlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import cv2
import numpy as np
import pytest
from PIL import Image

from lama_deploy.errors import ImageError
from lama_deploy.images import frames as frames_of
from lama_deploy.images.deep import LOST, RawMode, png_with
from lama_deploy.images.files import FORGETFUL, RECOMPRESSED, SHALLOW, read_photograph, write_photograph
from lama_deploy.images.frames import BESIDE
from lama_deploy.images.notes import Notes
from lama_deploy.images.photograph import CLIPPED, CONVERTED, UNKEPT_NOTE, filled, image_of, photograph_of
from tests.hostile.families._crafted_pictures import chunk, segment, tiff

RANDOM = np.random.default_rng(4)
DEEP = RANDOM.integers(0, 65536, (9, 13, 4), dtype=np.uint16)
RGB = (DEEP[..., :3] >> 8).astype(np.uint8)
FILL = RANDOM.integers(0, 256, (9, 13, 3), dtype=np.uint8)
HOLE = np.zeros((9, 13), np.uint8)
HOLE[2:7, 3:8] = 1


def grey_png(path: Path, bands: np.ndarray, **options: object) -> None:
    Image.fromarray(bands).save(path, format="PNG", **options)


def deep_png(path: Path, bands: np.ndarray, **options: object) -> None:
    """With everything that PIL writes beside the pixels."""
    stream = io.BytesIO()
    Image.fromarray((bands >> 8).astype(np.uint8)).save(stream, format="PNG", **options)
    path.write_bytes(png_with(stream.getvalue(), bands))


def opencv(path: Path, bands: np.ndarray, *parameters: int) -> None:
    order = [2, 1, 0, 3][: bands.shape[2]]
    assert cv2.imwrite(str(path), np.ascontiguousarray(bands[..., order]), list(parameters))


def by_opencv(path: Path) -> np.ndarray:
    """(H, W[, C]), RGB first, of the file's own depth: another decoder than ours."""
    bands = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    return bands if bands.ndim == 2 else bands[..., [2, 1, 0, 3][: bands.shape[2]]]


def done(path: Path, output: Path) -> list[str]:
    """Filled with FILL inside HOLE and written; what was said."""
    notes: list[str] = []
    photograph = read_photograph(path, note=notes.append, one_frame=True)
    painted = np.where(HOLE[..., None] > 0, FILL, photograph.rgb)
    write_photograph(output, filled(photograph, painted, HOLE), notes.append)
    return notes


def luminance(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).convert("L"))


SOURCES: dict[str, tuple[str, Callable[[Path], None]]] = {
    "png of opencv": ("i.png", lambda path: opencv(path, DEEP[..., :3])),
    "png of opencv, alpha": ("i.png", lambda path: opencv(path, DEEP)),
    "png of ours": ("i.png", lambda path: deep_png(path, DEEP[..., :3])),
    "tiff": ("i.tif", lambda path: opencv(path, DEEP[..., :3], cv2.IMWRITE_TIFF_COMPRESSION, 1)),
    "tiff, lzw": ("i.tif", lambda path: opencv(path, DEEP[..., :3], cv2.IMWRITE_TIFF_COMPRESSION, 5)),
    "tiff, deflate, alpha": ("i.tif", lambda path: opencv(path, DEEP, cv2.IMWRITE_TIFF_COMPRESSION, 8)),
}


@pytest.mark.parametrize("source", SOURCES)
def test_colours_of_16_bits_stay_what_they_are(tmp_path, source):
    name, save = SOURCES[source]
    save(tmp_path / name)
    given = by_opencv(tmp_path / name)
    assert done(tmp_path / name, tmp_path / "o.png") == []
    result = by_opencv(tmp_path / "o.png")
    assert result.dtype == np.uint16 and result.shape == given.shape
    np.testing.assert_array_equal(result[HOLE == 0], given[HOLE == 0])
    np.testing.assert_array_equal(result[..., :3][HOLE == 1], FILL[HOLE == 1].astype(np.uint16) * 257)
    np.testing.assert_array_equal(result[..., 3:], given[..., 3:])


@pytest.mark.parametrize("suffix", [".png", ".tif"])
@pytest.mark.parametrize("source", [".png", ".tif"])
def test_greys_of_16_bits_stay_what_they_are(tmp_path, source, suffix):
    grey = np.ascontiguousarray(DEEP[..., 0])
    Image.fromarray(grey).save(tmp_path / f"i{source}")
    assert done(tmp_path / f"i{source}", tmp_path / f"o{suffix}") == []
    result = by_opencv(tmp_path / f"o{suffix}")
    np.testing.assert_array_equal(result, np.where(HOLE, luminance(FILL).astype(np.uint16) * 257, grey))
    assert result.dtype == np.uint16


def test_greys_of_16_bits_with_alpha_stay_what_they_are(tmp_path, icc_profile):
    grey_alpha_png(tmp_path / "i.png", icc_profile(b"GRAY"))
    done(tmp_path / "i.png", tmp_path / "o.png")
    photograph = read_photograph(tmp_path / "o.png")
    wanted = np.where(HOLE, luminance(FILL).astype(np.uint16) * 257, DEEP[..., 0])
    np.testing.assert_array_equal(photograph.samples, wanted)
    np.testing.assert_array_equal(photograph.alpha, DEEP[..., 1])
    assert photograph.icc_profile == icc_profile(b"GRAY")
    rows = np.frombuffer(zlib.decompress(data_of(tmp_path / "o.png")), np.uint8).reshape(9, 1 + 13 * 4)
    samples = rows[:, 1:].reshape(9, 13, 4).cumsum(1, dtype=np.uint8).view(">u2")  # filter 1, undone
    np.testing.assert_array_equal(samples, np.dstack([wanted, DEEP[..., 1]]))


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg", ".bmp"])
@pytest.mark.parametrize("mode", ["L", "1", "LA"])
def test_grey_stays_grey(tmp_path, suffix, mode):
    image = Image.fromarray(RGB).convert(mode)
    if mode == "LA" and suffix in (".jpg", ".bmp"):
        return
    image.save(tmp_path / "i.png")
    done(tmp_path / "i.png", tmp_path / f"o{suffix}")
    with Image.open(tmp_path / f"o{suffix}") as result:
        assert result.mode == ("LA" if mode == "LA" else "L")
        if suffix != ".jpg":
            grey = np.asarray(image.convert("L"))
            np.testing.assert_array_equal(np.asarray(result.convert("L")), np.where(HOLE, luminance(FILL), grey))


def test_webp_has_no_grey_and_shows_the_same(tmp_path, icc_profile):
    grey_png(tmp_path / "i.png", luminance(RGB), icc_profile=icc_profile(b"GRAY"))
    done(tmp_path / "i.png", tmp_path / "o.webp")
    with Image.open(tmp_path / "o.webp") as result:
        assert (np.asarray(result)[HOLE == 0] == luminance(RGB)[HOLE == 0][:, None]).all()
        assert "icc_profile" not in result.info  # one of greys would be wrong in RGB


def test_a_profile_of_greys_stays_with_them(tmp_path, icc_profile):
    grey_png(tmp_path / "i.png", luminance(RGB), icc_profile=icc_profile(b"GRAY"))
    for name in ("o.png", "o.tif", "o.jpg"):
        done(tmp_path / "i.png", tmp_path / name)
        with Image.open(tmp_path / name) as result:
            assert result.info["icc_profile"] == icc_profile(b"GRAY")


@pytest.mark.parametrize("source", [".png", ".jpg", ".tif", ".bmp"])
@pytest.mark.parametrize("target", [".png", ".jpg", ".tif", ".bmp"])
def test_resolution_is_kept(tmp_path, source, target):
    Image.fromarray(RGB).save(tmp_path / f"i{source}", dpi=(300, 150))
    done(tmp_path / f"i{source}", tmp_path / f"o{target}")
    with Image.open(tmp_path / f"o{target}") as result:
        assert [round(float(value)) for value in result.info["dpi"]] == [300, 150]


@pytest.mark.parametrize("dpi", [(0, 0), (float("nan"), 1), (1e9, 1e9), "300", None, (1,)])
def test_resolutions_that_make_no_sense_are_left_out(dpi):
    image = Image.fromarray(RGB)
    image.info["dpi"] = dpi
    assert photograph_of(image).dpi is None and "dpi" not in image_of(photograph_of(image)).info


def test_metadata_stays_beside_16_bits(tmp_path, icc_profile):
    exif = Image.Exif()
    exif[0x010F], exif[0x0112] = "Camera", 3
    deep_png(tmp_path / "i.png", DEEP, exif=exif, icc_profile=icc_profile(b"RGB "), dpi=(300, 300))
    done(tmp_path / "i.png", tmp_path / "o.png")
    with Image.open(tmp_path / "o.png") as result:
        assert result.getexif()[0x010F] == "Camera" and result.getexif()[0x0112] == 3
        assert result.info["icc_profile"] == icc_profile(b"RGB ") and round(result.info["dpi"][0]) == 300


def rgb(path: Path, **options: object) -> None:
    Image.fromarray(RGB).save(path, **options)


SAID: dict[str, tuple[str, Callable[[Path], None], str, list[str]]] = {
    "nothing": ("i.png", rgb, "o.png", []),
    "jpeg from jpeg": ("i.jpg", rgb, "o.jpg", [RECOMPRESSED]),
    "webp": ("i.png", rgb, "o.webp", []),
    "16 bits into tiff": ("i.png", lambda path: opencv(path, DEEP[..., :3]), "o.tif", [SHALLOW]),
    "16 bits into jpeg": ("i.png", lambda path: opencv(path, DEEP[..., :3]), "o.jpg", [RECOMPRESSED, SHALLOW]),
    "16-bit greys into webp": ("i.png", lambda path: grey_png(path, DEEP[..., 0].copy()), "o.webp", [SHALLOW]),
    "cmyk": ("i.jpg", lambda path: Image.fromarray(RGB).convert("CMYK").save(path), "o.png", [CONVERTED]),
    "cmyk of 16 bits": ("i.tif", lambda path: cmyk_tiff(path), "o.png", [CONVERTED, LOST]),
    "integers of 32 bits": (
        "i.tif",
        lambda path: Image.fromarray(np.full((9, 13), 70_000, np.int32)).save(path),
        "o.png",
        [CLIPPED],
    ),
    "16-bit ppm": (
        "i.ppm",
        lambda path: path.write_bytes(b"P6 13 9 65535\n" + DEEP[..., :3].astype(">u2").tobytes()),
        "o.png",
        [LOST],
    ),
    "16-bit greys with alpha": ("i.png", lambda path: grey_alpha_png(path), "o.png", []),
    "16-bit greys with alpha into tiff": ("i.png", lambda path: grey_alpha_png(path), "o.tif", [SHALLOW]),
    "8-bit avif": ("i.avif", rgb, "o.png", []),
    "a comment": ("i.jpg", lambda path: rgb(path, comment="by me"), "o.png", [UNKEPT_NOTE]),
    "xmp": ("i.webp", lambda path: rgb(path, lossless=True, xmp=b"<x:xmpmeta/>"), "o.webp", [UNKEPT_NOTE]),
    "a gain map": ("i.jpg", lambda path: gain_map_jpeg(path), "o.png", [BESIDE, UNKEPT_NOTE]),
    "profile into bmp": ("i.png", lambda path: rgb(path, dpi=(9, 9), exif=camera()), "o.bmp", [FORGETFUL]),
}


def camera() -> Image.Exif:
    exif = Image.Exif()
    exif[0x010F] = "Camera"
    return exif


def gain_map_jpeg(path: Path) -> None:
    """As phones write them: two JPEGs, of which the second brightens the first, and Pillow sees one."""
    frames(path, format="MPO")
    data = path.read_bytes()
    path.write_bytes(data[:2] + segment(0xE1, b'http://ns.adobe.com/xap/1.0/\0 hdrgm:Version="1.0"') + data[2:])


def cmyk_tiff(path: Path) -> None:
    """Of 16 bits, which no library here writes."""
    end = 122  # of the directory
    tags = (258, 3, 4, end), (262, 3, 1, 5), (273, 4, 1, end + 8), (277, 3, 1, 4), (279, 4, 1, DEEP.nbytes)
    path.write_bytes(tiff(13, 9, *tags, tail=struct.pack("<4H", 16, 16, 16, 16) + DEEP.astype("<u2").tobytes()))


def data_of(path: Path) -> bytes:
    """Of a PNG with one chunk of pixels."""
    data = path.read_bytes()
    at = data.index(b"IDAT")
    return data[at + 4 : at + 4 + int.from_bytes(data[at - 4 : at])]


def grey_alpha_png(path: Path, profile: bytes = b"") -> None:
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in DEEP[..., :2])
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", 13, 9, 16, 4, 0, 0, 0))
    colours = chunk(b"iCCP", b"profile\0\0" + zlib.compress(profile)) if profile else b""
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + header + colours + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("case", SAID)
def test_what_is_lost_is_said(tmp_path, case):
    name, save, output, said = SAID[case]
    save(tmp_path / name)
    assert done(tmp_path / name, tmp_path / output) == said


def frames(path: Path, **options: object) -> None:
    first, second = (Image.new("RGB", (13, 9), colour) for colour in ("red", "blue"))
    first.save(path, save_all=True, append_images=[second], **options)


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif", ".avif"])
def test_animations_and_pages_are_refused(tmp_path, suffix):
    frames(tmp_path / f"i{suffix}")
    word = "page" if suffix == ".tif" else "frame"
    with pytest.raises(
        ImageError, match=f"i{suffix}: has more than one {word}, and one picture a file is filled; write"
    ):
        read_photograph(tmp_path / f"i{suffix}", one_frame=True)
    assert read_photograph(tmp_path / f"i{suffix}").rgb.shape == (9, 13, 3)  # who trains on it takes the first


@pytest.mark.parametrize("suffix", [".gif", ".png", ".webp", ".tif", ".avif", ".bmp", ".jpg"])
def test_a_single_frame_is_none(tmp_path, suffix):
    Image.new("RGB", (13, 9), "red").save(tmp_path / f"i{suffix}")
    assert done(tmp_path / f"i{suffix}", tmp_path / "o.png") == []


def test_a_gif_with_comments_and_a_palette_of_its_own_is_one_frame(tmp_path):
    image = Image.fromarray(RGB).quantize(16)
    image.save(tmp_path / "i.gif", comment=b"," * 700, transparency=3, duration=100, loop=0)
    assert done(tmp_path / "i.gif", tmp_path / "o.png") == [UNKEPT_NOTE]


def test_a_gif_in_crumbs_takes_no_minutes(tmp_path, monkeypatch):
    monkeypatch.setattr(frames_of, "MOST_BLOCKS", 3)
    Image.fromarray(RANDOM.integers(0, 256, (40, 40), dtype=np.uint8)).save(tmp_path / "i.gif")
    with pytest.raises(ImageError, match=r"i.gif: has more than 3 blocks; no picture needs that"):
        read_photograph(tmp_path / "i.gif", one_frame=True)


def test_an_avif_of_ten_bits_is_told_by_its_header(tmp_path):
    """Pillow writes none, and none that only says so is opened."""
    rgb(tmp_path / "i.avif")
    for bit, name in ((0, None), (0x40, "AVIF;16")):
        data = bytearray((tmp_path / "i.avif").read_bytes())
        data[data.index(b"av1C") + 6] |= bit
        raw = RawMode()
        raw.look(SimpleNamespace(format="AVIF", mode="RGB", tile=[], fp=io.BytesIO(data)))
        assert raw.name == name and not raw.is_kept


def test_pictures_behind_a_jpeg_are_left_out_and_said(tmp_path):
    frames(tmp_path / "i.jpg", format="MPO")
    assert done(tmp_path / "i.jpg", tmp_path / "o.png") == [BESIDE]


FOREIGN = {
    "heic": (b"\0\0\0\x18ftypheic" + bytes(40), "; HEIC is read by no Pillow; make it a PNG first, .*pillow-heif"),
    "jpeg xl": (b"\xff\x0a" + bytes(40), "; JPEG XL is not read; make it a PNG first"),
    "photoshop": (b"8BPS\0\1" + bytes(40), "; layers of Photoshop are not read; save it as PNG or TIFF"),
    "nothing": (b"nothing", "AVIF$"),
}


@pytest.mark.parametrize("case", FOREIGN)
def test_what_to_do_about_formats_that_many_have(tmp_path, case):
    data, advice = FOREIGN[case]
    (tmp_path / "i.jpg").write_bytes(data)
    with pytest.raises(ImageError, match=f"not a picture in any format that is read: PNG, .*{advice}"):
        read_photograph(tmp_path / "i.jpg")


def test_notes_are_one_line_a_kind_with_the_first_names():
    notes = Notes()
    for number in range(5):
        notes.about(f"{number}.png")("it is odd")
        notes.about(f"{number}.png")("it is odd")
    notes.about("a.png")("it is even")
    assert notes.lines() == ["0.png, 1.png, 2.png and 2 more: it is odd", "a.png: it is even"]
    assert notes.names() == {"it is odd": [f"{number}.png" for number in range(5)], "it is even": ["a.png"]}
