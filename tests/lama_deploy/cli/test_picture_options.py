"""lama-inpaint reads masks and writes pictures as it is told, and says what it doubts or leaves out, a line a kind."""

import io
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.cli import inpaint as command
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backend import Capabilities

IMAGES, MASKS = scene(30, 44, 6, seed=11)
HOLE = np.zeros((30, 44), np.uint8)
HOLE[5:15, 10:30] = 1


class Inverting:
    """Holes become the picture's negative; memory runs out at pictures 400 pixels wide."""

    name, device, capabilities = "inverting", "cpu", Capabilities()

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        if images.shape[2] == 400:
            raise MemoryError
        return np.where(masks[..., None] > 0, 255 - images, images)


@pytest.fixture
def inpaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command with a quick backend in an empty folder and returns its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.Inpainter, "load", lambda *_, **__: Inpainter(Inverting()))

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-inpaint", *arguments, "--model", "none"])
        return command.main()

    return run


def save(name: str, array: np.ndarray, **options: object) -> None:
    Path(name).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.ascontiguousarray(array)).save(name, **options)


def pixels(name: str) -> np.ndarray:
    with Image.open(name) as image:
        return np.asarray(image)


def negative_in(hole: np.ndarray, image: np.ndarray = IMAGES[0]) -> np.ndarray:
    return np.where(hole[..., None] > 0, 255 - image, image)


OPTIONS: dict[str, tuple[np.ndarray, list[str]]] = {
    "threshold": (np.where(HOLE, 200, 90).astype(np.uint8), ["--mask-threshold", "127"]),
    "a fraction": (np.where(HOLE, 128, 127).astype(np.uint8), ["--mask-threshold", "127.5"]),
    "invert": (255 - HOLE * 255, ["--invert"]),
    "alpha": (np.dstack([MASKS[1] * 255] * 3 + [HOLE * 255]), ["--mask-from", "alpha"]),
    "what is transparent": (np.dstack([MASKS[1] * 255] * 3 + [255 - HOLE * 255]), ["--mask-from", "alpha", "--invert"]),
    "luminance": (np.dstack([HOLE * 255] * 3 + [MASKS[1] * 255]), ["--mask-from", "luminance"]),
}


@pytest.mark.parametrize("case", OPTIONS)
def test_masks_are_read_as_asked(inpaint, capsys, case):
    mask, options = OPTIONS[case]
    save("a.png", IMAGES[0])
    save("m.png", mask)
    assert inpaint("a.png", "m.png", "-o", "r.png", *options) == 0
    np.testing.assert_array_equal(pixels("r.png"), negative_in(HOLE))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("mask_as", ["shown", "stored"])
def test_masks_lie_as_asked(inpaint, capsys, mask_as):
    exif = Image.Exif()
    exif[0x0112] = 3
    save("a.png", IMAGES[0], exif=exif)
    save("m.png", 255 * (HOLE if mask_as == "stored" else HOLE[::-1, ::-1]))
    assert inpaint("a.png", "m.png", "-o", "r.png", "--mask-as", mask_as) == 0
    np.testing.assert_array_equal(pixels("r.png"), negative_in(HOLE))
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("value", ["-1", "255", "nan", "grey", "9" * 400])
def test_thresholds_that_are_none(inpaint, capsys, value):
    with pytest.raises(SystemExit) as caught:
        inpaint("a.png", "m.png", "-o", "r.png", "--mask-threshold", value)
    (*_, line) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and "is no number from 0 to below 255" in line and len(line) < 400


def test_a_kind_of_note_is_one_line(inpaint, capsys):
    for number in range(6):
        save(f"i/{number}.jpg", IMAGES[number])
        save(f"m/{number}.png", MASKS[number] * 0 if number < 5 else IMAGES[number])
    assert inpaint("i", "m", "-o", "o", "--format", "jpg") == 0
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 3 and all(line.startswith("note: ") for line in lines)
    assert any(line.startswith("note: m/0.png, m/1.png, m/2.png and 2 more: the mask has no hole") for line in lines)
    assert any(line.startswith("note: m/5.png: the mask looks like a photograph") for line in lines)
    assert any(line.startswith("note: i/0.jpg, i/1.jpg, i/2.jpg and 3 more: JPEG recompresses") for line in lines)


def test_what_is_left_out_is_counted_and_named(inpaint, capsys):
    save("i/a.gif", IMAGES[0])
    save("i/b.png", IMAGES[1])
    save("m/a.png", HOLE * 255)
    save("m/c.png", HOLE * 255)
    for name in ("i/d.heic", "i/e.txt"):
        Path(name).write_bytes(b"nothing")
    assert inpaint("i", "m", "-o", "o", "--format", "same") == 0
    assert sorted(capsys.readouterr().err.splitlines()) == [
        "note: 1 images have a format that is not written, and become PNG, first i/a.gif",
        "note: 1 images have no mask and are left out, first i/b.png",
        "note: 1 masks have no image and are left out, first m/c.png",
        "note: 2 files are no pictures that are read and are left out, first i/d.heic, i/e.txt; HEIC is read by no "
        "Pillow; make it a PNG first, for instance with heif-convert, or pillow-heif in Python",
    ]


def test_images_without_masks_are_named_in_one_folder_too(inpaint, capsys):
    save("d/a.png", IMAGES[0])
    save("d/a_mask.png", HOLE * 255)
    save("d/b.png", IMAGES[1])
    assert inpaint("d", "-o", "o") == 0
    assert capsys.readouterr().err == "note: 1 images have no mask and are left out, first d/b.png\n"


def test_an_animation_costs_its_line(inpaint, capsys):
    for number in range(2):
        save(f"i/{number}.png", IMAGES[number])
        save(f"m/{number}.png", HOLE * 255)
    save("i/2.gif", IMAGES[2], save_all=True, append_images=[Image.fromarray(IMAGES[3])])
    save("m/2.png", HOLE * 255)
    assert inpaint("i", "m", "-o", "o") == 3
    captured = capsys.readouterr()
    assert captured.out == "2 of 3 written to o\n"
    assert captured.err.startswith("error: i/2.gif: has more than one frame") and captured.err.count("\n") == 1


def test_memory_that_runs_out_costs_one_picture_and_the_notes_are_said(inpaint, capsys):
    for number in range(3):
        wide = np.resize(IMAGES[0], (30, 400, 3)) if number == 1 else IMAGES[number]
        save(f"i/{number}.png", wide)
        save(f"m/{number}.png", wide[..., 0] * 0 + 255)
    assert inpaint("i", "m", "-o", "o") == 3
    captured = capsys.readouterr()
    assert captured.out == "2 of 3 written to o\n" and "error: i/1.png: needs more memory" in captured.err
    assert "note: m/0.png, m/1.png, m/2.png: the hole is more than 95%" in captured.err


def test_16_bits_and_greys_stay(inpaint, capsys):
    grey = IMAGES[0, ..., 0].astype(np.uint16) * 257 + 3
    save("i/deep.png", grey)
    save("i/grey.png", IMAGES[0, ..., 0])
    save("m.png", HOLE * 255)
    assert inpaint("i", "m.png", "-o", "o") == 0
    deep, plain = pixels("o/deep.png"), pixels("o/grey.png")
    np.testing.assert_array_equal(deep, np.where(HOLE, (255 - IMAGES[0, ..., 0]).astype(np.uint16) * 257, grey))
    np.testing.assert_array_equal(plain, np.where(HOLE, 255 - IMAGES[0, ..., 0], IMAGES[0, ..., 0]))
    assert capsys.readouterr().err == ""


def boxed(rows: slice, columns: slice) -> np.ndarray:
    hole = np.zeros((30, 44), np.uint8)
    hole[rows, columns] = 1
    return hole


BOXES: dict[str, tuple[list[str], np.ndarray]] = {
    "pixels": (["--box", "10,5,20,10"], HOLE),
    "shares": (["--box", "50%,80%,25%,20%"], boxed(slice(24, 30), slice(22, 33))),
    "from the right": (["--box", "100%-4,0,4,30"], boxed(slice(None), slice(40, 44))),
    "several": (["--box", "0,0,44,3", "--point", "5,20,0"], boxed(slice(0, 3), slice(None)) | boxed(20, 5)),
    "grown": (["--point", "5,20,0", "--grow", "1"], boxed(slice(19, 22), 5) | boxed(20, slice(4, 7))),
    "besides a mask": (["--mask", "m.png", "--point", "5,20,0"], HOLE | boxed(20, 5)),
}


@pytest.mark.parametrize("case", BOXES)
def test_boxes_and_points(inpaint, capsys, case):
    options, hole = BOXES[case]
    save("a.png", IMAGES[0])
    save("m.png", HOLE * 255)
    assert inpaint("a.png", "-o", "r.png", *options) == 0
    np.testing.assert_array_equal(pixels("r.png"), negative_in(hole))
    assert capsys.readouterr() == ("1 of 1 written to r.png\n", "")


def test_the_same_boxes_on_every_picture_of_a_folder(inpaint, capsys):
    for number in range(2):
        save(f"i/sub/{number}.png", IMAGES[number])
    save("i/small.png", IMAGES[2][:5, :5])
    assert inpaint("i", "-o", "o", "--box", "10,5,40,10", "--report", "r.json") == 3
    captured = capsys.readouterr()
    assert captured.out == "2 of 3 written to o\n"
    assert captured.err == (
        "error: i/small.png: the box 10,5,40,10 is outside of the picture, which is 5x5\n"
        "note: i/sub/0.png, i/sub/1.png: a box or point reaches over the picture's edge, and what is outside of it is "
        "left out\n"
    )
    for number in range(2):
        hole = boxed(slice(5, 15), slice(10, 44))
        np.testing.assert_array_equal(pixels(f"o/sub/{number}.png"), negative_in(hole, IMAGES[number]))
    assert {one["mask"] for one in json.loads(Path("r.json").read_text())["pictures"]} == {None}
    assert inpaint("i", "-o", "o", "--box", "10,5,40,10", "--skip-existing") == 3
    assert capsys.readouterr().out == "0 of 1 written to o, 2 were there already\n"


def test_with_boxes_all_paths_are_images(inpaint, capsys):
    save("a.png", IMAGES[0])
    save("b.png", IMAGES[1])
    assert inpaint("a.png", "b.png", "-o", "r.png", "--box", "1,1,2,2") == 2
    assert "several images need a folder" in capsys.readouterr().err
    assert inpaint("a.png", "b.png", "-o", "o", "--box", "1,1,2,2", "--format", "same") == 0
    np.testing.assert_array_equal(pixels("o/b.png"), negative_in(boxed(slice(1, 3), slice(1, 3)), IMAGES[1]))
    assert inpaint("o", "-o", "o/p", "--box", "1,1,2,2") == 2
    assert "whose files are the input" in capsys.readouterr().err
    Path("none").mkdir()
    assert inpaint("none", "-o", "p", "--box", "1,1,2,2") == 2
    assert capsys.readouterr().err == "error: none: no picture in it\n"


@pytest.mark.parametrize(
    "options",
    [["--box", "1,2,3"], ["--box", "1,2,3,4,5"], ["--point", "1,2,3cm"], ["--box", "1,2,3,"], ["--grow", "9999"]],
)
def test_what_is_no_box_point_or_growth(inpaint, capsys, options):
    with pytest.raises(SystemExit) as caught:
        inpaint("a.png", "-o", "r.png", *options)
    (line,) = capsys.readouterr().err.splitlines()
    assert caught.value.code == 2 and " is no " in line


def test_a_box_through_pipes(inpaint, capsysbinary, monkeypatch):
    save("a.png", IMAGES[0])
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("a.png").read_bytes())))
    assert inpaint("-", "-o", "-", "--box", "10,5,20,10") == 0
    with Image.open(io.BytesIO(capsysbinary.readouterr().out)) as image:
        np.testing.assert_array_equal(np.asarray(image), negative_in(HOLE))


def test_a_clip_is_the_same_pictures(inpaint):
    for number in range(3):
        save(f"i/{number}.png", IMAGES[number])
        save(f"m/{number}.png", np.roll(HOLE, number, axis=1) * 255)
    assert inpaint("i", "m", "-o", "o", "--clip") == 0
    for number in range(3):
        hole = np.roll(HOLE, number, axis=1)
        np.testing.assert_array_equal(pixels(f"o/{number}.png"), negative_in(hole, IMAGES[number]))
