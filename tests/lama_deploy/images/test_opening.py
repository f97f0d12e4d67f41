"""Pictures are opened in one place: by an explicit list of formats, within budgets, without starting anything."""

import ast
import io
import os
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

import lama_deploy.images.opening as opening
import lama_deploy.process_memory as memory
from lama_deploy.errors import DataError, DeviceMemoryError, ImageError
from lama_deploy.evaluation.drawn_set import MadeSet
from lama_deploy.images.files import read_mask, read_photograph
from lama_deploy.images.masks import mask_set
from lama_deploy.images.placing import STORED_FROM_SHOWN
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.training.mask_files import ObjectMasks
from lama_deploy.training.sources import decode, find_pictures
from tests.hostile.families._crafted_pictures import ODD, PROGRAMS, REFUSED, chunk, directory, png

ROOT = Path(__file__).parents[3]
OPENERS = {("Image", "open"), ("cv2", "imread"), ("cv2", "imdecode"), ("io", "imread"), ("io", "read_image")}
EPS = PROGRAMS["eps"]
REAL_BOMB = ODD["png of 100 megapixels in 12 kB"]


def calls(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if (node.value.id, node.attr) in OPENERS:
                yield f"{file.relative_to(ROOT)}:{node.lineno}"
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith(("PIL.Image", "imageio")):
            yield f"{file.relative_to(ROOT)}:{node.lineno}"


def test_nothing_else_in_the_project_opens_pictures():
    """But for an example of a program of somebody else's, which has not this package."""
    files = [file for top in ("lama_deploy", "export", "benchmarks", "examples") for file in (ROOT / top).rglob("*.py")]
    found = [place for file in sorted(files) for place in calls(file)]
    assert len(files) > 100
    assert {place.partition(":")[0] for place in found} == {
        "lama_deploy/images/opening.py",
        "examples/python_ctypes.py",
    }


def saved(folder: Path, name: str, **options: object) -> Path:
    pixels = np.random.default_rng(0).integers(0, 256, (6, 10, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(folder / name, **options)
    return folder / name


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.webp", "a.tif", "a.bmp", "a.gif", "a.ppm", "a.avif"])
def test_formats_that_are_read_whatever_their_name(tmp_path, name):
    if name == "a.avif" and "AVIF" not in opening.formats():
        pytest.skip("this Pillow has no AVIF")
    path = saved(tmp_path, name).rename(tmp_path / "b.png")
    assert read_photograph(path).rgb.shape == (6, 10, 3)


@pytest.mark.parametrize(
    "name", ["a.tga", "a.pcx", "a.ico", "a.jp2", "a.eps", "a.dds", "a.sgi", "a.im", "a.pdf", "a.icns"]
)
def test_formats_that_are_not_read_whatever_their_name(tmp_path, name):
    path = saved(tmp_path, name).rename(tmp_path / "b.png")
    with pytest.raises(ImageError, match=r"b.png: not a picture in any format that is read: PNG, JPEG, WEBP, TIFF"):
        read_photograph(path)


@pytest.fixture
def ghostscript(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file that a `gs`, first in PATH, leaves where it is started."""
    mark, folder = tmp_path / "started", tmp_path / "bin"
    folder.mkdir()
    (folder / "gs").write_text(f"#!/bin/sh\ntouch {mark}\n")
    (folder / "gs").chmod(0o755)
    monkeypatch.setenv("PATH", str(folder), prepend=os.pathsep)
    return mark


def entries(folder: Path) -> dict[str, object]:
    """What reads a folder's pictures in the commands."""
    photograph = read_photograph(saved(folder.parent, "good.png"))
    return {
        "lama-inpaint": lambda: read_photograph(folder / "evil.jpg"),
        "a mask": lambda: read_mask(folder / "evil.jpg", photograph),
        "lama-train": lambda: decode(find_pictures(folder)[0]),
        "masks of lama-train": lambda: ObjectMasks.from_folder(folder).draw(np.random.default_rng(0), 32, 32),
        "lama-evaluate": lambda: MadeSet(folder, mask_set("thick-256"), 32).pairs(folder / "evil.jpg", None),
        "calibration": lambda: CalibrationSet(folder)[0],
    }


def test_a_picture_that_is_a_program_starts_none(tmp_path, ghostscript):
    folder = tmp_path / "pictures"
    folder.mkdir()
    (folder / "evil.jpg").write_bytes(EPS)
    for read in entries(folder).values():
        with pytest.raises((ImageError, DataError), match=r"not a picture in any|none of its photographs can"):
            read()
    assert not ghostscript.exists()
    with Image.open(io.BytesIO(EPS)) as image, pytest.raises(OSError):
        image.load()  # what all of them did
    assert ghostscript.exists()


@pytest.mark.parametrize("compression", [None, "tiff_lzw"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "L", "CMYK", "I;16"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_turned_tiff_is_read_as_it_is_shown(tmp_path, compression, mode, orientation):
    """Pillow maps a named, uncompressed file into memory as though it were stored as shown."""
    shown = Image.fromarray(np.arange(60, dtype=np.uint8).reshape(6, 10) * 4)
    turn = STORED_FROM_SHOWN.get(orientation, np.asarray)
    stored = Image.fromarray(np.ascontiguousarray(turn(np.asarray(shown))))
    image = Image.fromarray(np.asarray(stored).astype(np.uint16) << 8) if mode == "I;16" else stored.convert(mode)
    image.save(tmp_path / "i.tif", compression=compression, tiffinfo={0x0112: orientation})
    photograph = read_photograph(tmp_path / "i.tif")
    np.testing.assert_array_equal(photograph.rgb[..., 0], np.asarray(shown))
    assert photograph.exif.get(0x0112, 1) == 1


@pytest.mark.parametrize("case", REFUSED)
def test_what_costs_more_than_a_picture_may_is_refused(tmp_path, case):
    """The suite `tests.hostile` tries the same under bounds of time and memory."""
    make, message = REFUSED[case]
    (tmp_path / "i.jpg").write_bytes(make())
    with opening.pillow_limit_lifted(), pytest.raises(ImageError, match=rf"i\.jpg: .*{message}"):
        read_photograph(tmp_path / "i.jpg")


@pytest.mark.parametrize("suffix", [".jpg", ".png", ".tif", ".gif", ".webp"])
def test_budgets_leave_room(tmp_path, suffix):
    """Much metadata, as files have it: 40 kB of EXIF, a large profile, comments, ten scans, a strip for every row."""
    pixels = np.random.default_rng(1).integers(0, 256, (2000, 24, 3), dtype=np.uint8)
    exif = Image.Exif()
    exif.update(dict.fromkeys(range(49152, 49352), "x" * 200))
    options = {"exif": exif} if suffix != ".gif" else {"comment": b"c" * 100_000}
    options |= {"icc_profile": bytes(300_000)} if suffix != ".gif" else {}
    options |= {"progressive": True} if suffix == ".jpg" else {}
    Image.fromarray(pixels).save(tmp_path / f"i{suffix}", **options)
    photograph = read_photograph(tmp_path / f"i{suffix}")
    assert photograph.rgb.shape == (2000, 24, 3)
    assert suffix == ".gif" or photograph.exif[0xC001] == "x" * 200


def test_pipes_and_devices_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "i.png")
    for path in (tmp_path / "i.png", Path("/dev/zero"), tmp_path):
        with pytest.raises(ImageError, match="a directory, or no regular file"):
            read_photograph(path)


def test_errors_of_decoders_are_one_line(tmp_path, monkeypatch):
    """Whatever they raise: AVIF raises RuntimeError, others NotImplementedError, MemoryError and struct.error."""
    path = saved(tmp_path, "i.png")
    for raised in (RuntimeError("a\nb"), NotImplementedError(), MemoryError(), struct.error("x"), ZeroDivisionError()):

        def fail(*arguments: object, raised: Exception = raised) -> None:
            raise raised

        with monkeypatch.context() as patch, pytest.raises(ImageError, match=r"i\.png: ") as caught:
            patch.setattr(PngImagePlugin.PngImageFile, "load", fail)
            read_photograph(path)
        assert "\n" not in str(caught.value)


def test_names_that_no_terminal_shows(tmp_path):
    path = tmp_path / "a\n\x1b[31m\udcff.png"
    path.write_bytes(b"nothing")
    with pytest.raises(ImageError) as caught:
        read_photograph(path)
    assert str(caught.value).isprintable() and r"a\n\x1b[31m\udcff.png" in str(caught.value)


def test_hostile_metadata_leaves_the_orientation(tmp_path):
    tags = [(0x0112, 3, 1, 6), *((50000 + index, 7, 50_000, 0) for index in range(300))]
    block = directory(tags) + bytes(50_000)
    (tmp_path / "i.png").write_bytes(png(before=chunk(b"eXIf", block)))
    photograph = read_photograph(tmp_path / "i.png")
    assert dict(photograph.exif) == {0x0112: 6}


def test_no_more_is_decoded_than_memory_holds(tmp_path, monkeypatch):
    """12 kB of PNG that are 100 megapixels."""
    (tmp_path / "i.png").write_bytes(REAL_BOMB())
    monkeypatch.setattr(opening.Image.Image, "load", lambda self: pytest.fail("decoded"))
    monkeypatch.setattr(memory, "process_memory", lambda: memory.ProcessMemory(10**8, 10**9))
    with pytest.raises(DeviceMemoryError, match=r"i\.png: decoding 9999x9999 pixels takes 2.2 GiB, .* 0.93 GiB more"):
        read_photograph(tmp_path / "i.png")


def test_size_is_told_before_decoding(tmp_path, monkeypatch):
    path = saved(tmp_path, "i.png")

    def refuse(height: int, width: int) -> None:
        raise DeviceMemoryError(f"{width}x{height} is too much")

    monkeypatch.setattr(PngImagePlugin.PngImageFile, "load", lambda self: pytest.fail("decoded"))
    with pytest.raises(DeviceMemoryError, match=r"i\.png: 10x6 is too much"):
        read_photograph(path, before_decoding=refuse)


PEAK = """
import sys
from pathlib import Path
from lama_deploy.images import files, opening

def peak():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) * 1024

opening.formats()
Path("/proc/self/clear_refs").write_text("5")
before = peak()
files.read_photograph(Path(sys.argv[1]))
print(peak() - before)
"""


@pytest.mark.skipif(not Path("/proc/self/clear_refs").exists(), reason="this system does not tell a process's peak")
@pytest.mark.parametrize(("suffix", "mode"), [(".webp", "RGBA"), (".tif", "RGBA"), (".png", "RGB"), (".jpg", "CMYK")])
def test_decoding_takes_no_more_than_is_foretold(tmp_path, suffix, mode):
    path, side = tmp_path / f"i{suffix}", 2000
    Image.fromarray(np.kron(np.eye(50, dtype=np.uint8) * 99, np.ones((40, 40), np.uint8))).convert(mode).save(path)
    done = subprocess.run([sys.executable, "-c", PEAK, path], capture_output=True, text=True, check=True)
    foretold = side**2 * opening.DECODED_A_PIXEL + opening.ENCODED_COPIES * path.stat().st_size
    assert foretold / 3 < int(done.stdout) <= foretold
