"""lama-inpaint with a video: one line of result, one of an error, notes, a record, and files as for pictures."""

from __future__ import annotations

import builtins
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy.cli import inpaint as command
from lama_deploy.runtime.strategies.plan import Plan
from tests.lama_deploy.jobs.clips import HEIGHT, WIDTH, Making, inverting, look, make

NOTE = (
    "note: clip.mp4: h264 compresses the known pixels anew; --codec ffv1 into .mkv, or --crf 0, keeps their samples\n"
)


@pytest.fixture
def inpaint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """Runs the command with a quick backend in a folder with a video and a mask."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(command.Inpainter, "load", lambda *_, **__: inverting())
    make(Path("clip.mp4"), making=Making(sound="aac"))
    mask = np.zeros((HEIGHT, WIDTH), np.uint8)
    mask[8:24, 16:40] = 255
    Image.fromarray(mask).save("mask.png")

    def run(*arguments: str) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-inpaint", *arguments, "--model", "none"])
        return command.main()

    return run


def test_a_video_and_a_mask(inpaint, capsys):
    assert inpaint("clip.mp4", "mask.png", "-o", "new/out.mp4", "--report", "r.json") == 0
    assert capsys.readouterr() == ("9 frames written to new/out.mp4\n", NOTE)
    record = json.loads(Path("r.json").read_text())
    assert (record["state"], record["frames"], record["mask"]) == ("written", 9, "mask.png")
    assert len(record["notes"]) == 1
    assert inpaint("clip.mp4", "-o", "boxed.mp4", "--box", "16,8,24,16", "--report", "-") == 0
    assert json.loads(capsys.readouterr().out)["output"] == "boxed.mp4"
    np.testing.assert_array_equal(look(Path("boxed.mp4")).rgb, look(Path("new/out.mp4")).rgb)


def test_what_auto_chose_is_told_once(inpaint, capsys, monkeypatch):
    monkeypatch.setattr(f"{Plan.__module__}.SMALL", 0)
    assert inpaint("clip.mp4", "mask.png", "-o", "out.mp4") == 0
    told = "note: clip.mp4: filled by whole, since windows around the holes would be most of the picture\n"
    assert sorted(capsys.readouterr().err.splitlines(keepends=True)) == sorted([told, NOTE])


def test_what_is_there_stays(inpaint, capsys):
    Path("out.mp4").write_bytes(b"something")
    assert inpaint("clip.mp4", "mask.png", "-o", "out.mp4") == 2
    assert "out.mp4: exists already and would be replaced" in capsys.readouterr().err
    assert inpaint("clip.mp4", "mask.png", "-o", "out.mp4", "--skip-existing") == 0
    assert capsys.readouterr() == ("out.mp4 is there already\n", "")
    assert Path("out.mp4").read_bytes() == b"something"
    assert inpaint("clip.mp4", "mask.png", "-o", "out.mp4", "--overwrite", "-q") == 0
    assert capsys.readouterr() == ("9 frames written to out.mp4\n", "")
    assert inpaint("clip.mp4", "mask.png", "-o", "clip.mp4", "--overwrite") == 2
    assert capsys.readouterr().err == "error: clip.mp4: is an input and would be overwritten; give another -o\n"


REFUSED = {
    "two": (["clip.mp4", "clip.mp4", "--mask", "mask.png", "-o", "o.mp4"], "one video is filled a call"),
    "a folder": (["clip.mp4", "mask.png", "-o", "."], "a video needs a file of its own"),
    "standard output": (["clip.mp4", "mask.png", "-o", "-"], "a video needs a file of its own"),
    "format": (["clip.mp4", "mask.png", "-o", "o.mp4", "--format", "png"], "--format is of images"),
    "clip": (["clip.mp4", "mask.png", "-o", "o.mp4", "--clip"], "--clip is of images"),
    "resume": (["clip.mp4", "mask.png", "-o", "o.mp4", "--resume"], "--resume is of images; leave it out for a video"),
    "ray": (["clip.mp4", "mask.png", "-o", "o.mp4", "--ray"], "--ray is of images"),
    "quality": (["clip.mp4", "mask.png", "-o", "o.mp4", "--quality", "9"], "--quality is of images"),
    "no mask": (["clip.mp4", "-o", "o.mp4"], "clip.mp4: there is neither a mask nor a box"),
    "no video": (["mask.png", "mask.png", "-o", "o.png", "--crf", "3"], "--crf is of videos, and there is none"),
    "missing": (["none.mp4", "mask.png", "-o", "o.mp4"], "none.mp4: no such file or folder"),
    "missing mask": (["clip.mp4", "none.png", "-o", "o.mp4"], "none.png: no such file or folder"),
    "suffix": (["clip.mp4", "mask.png", "-o", "o.png"], "o.png: no video is written as .png"),
    "outside": (["clip.mp4", "-o", "o.mp4", "--box", "99,0,2,2"], "clip.mp4: the box 99,0,2,2 is outside"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_done_is_one_line(inpaint, capsys, case):
    arguments, message = REFUSED[case]
    before = sorted(Path().iterdir())
    assert inpaint(*arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: ") and message in line
    assert sorted(Path().iterdir()) == before


@pytest.mark.parametrize("crf", ["-1", "64", "good"])
def test_qualities_that_are_none(inpaint, capsys, crf):
    with pytest.raises(SystemExit):
        inpaint("clip.mp4", "mask.png", "-o", "o.mp4", "--crf", crf)
    assert "is no integer from 0 to 63" in capsys.readouterr().err


def test_without_pyav_the_line_says_how_to_get_it(inpaint, capsys, monkeypatch):
    def missing(name, *rest):
        if name == "av" or name.startswith("lama_deploy.jobs.video.fill"):
            raise ModuleNotFoundError("No module named 'av'", name="av")
        return imported(name, *rest)

    imported = builtins.__import__
    monkeypatch.setattr(builtins, "__import__", missing)
    assert inpaint("clip.mp4", "mask.png", "-o", "o.mp4") == 2
    assert capsys.readouterr().err.startswith("error: videos need PyAV: pip install")
