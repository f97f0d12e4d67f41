"""lama-inpaint with "-": pictures through pipes, and what is no pipe."""

import io
import json
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
from PIL import Image

from lama_deploy.images.opening import most_bytes
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS, files, save


def test_standard_input_and_output(inpaint, wanted, capsysbinary, monkeypatch):
    save("a.png", IMAGES[0])
    save("m.png", MASKS[0])
    given = io.TextIOWrapper(io.BytesIO(Path("a.png").read_bytes()))
    monkeypatch.setattr(sys, "stdin", given)
    assert inpaint("-", "m.png", "-o", "-") == 0
    out = capsysbinary.readouterr().out
    with Image.open(io.BytesIO(out)) as image:
        assert image.format == "PNG"
        np.testing.assert_array_equal(np.asarray(image), wanted[0])
    assert inpaint("a.png", "m.png", "-o", "-", "--format", "bmp") == 0
    assert capsysbinary.readouterr().out[:2] == b"BM"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"nothing")))
    assert inpaint("a.png", "-", "-o", "r.png") == 2
    captured = capsysbinary.readouterr()
    assert captured.err.startswith(b"error: standard input: not a picture")
    assert captured.out == b"0 of 1 written to r.png\n"
    assert files(".") == ["a.png", "m.png"]
    save("a.jpg", IMAGES[0])
    assert inpaint("a.jpg", "m.png", "-o", "-", "--format", "same") == 0
    assert capsysbinary.readouterr().out[:2] == b"\xff\xd8"


def test_what_people_are_told_of_pipes(inpaint, capsysbinary, monkeypatch):
    save("a.png", IMAGES[0])
    save("m.png", MASKS[0] * 0)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(Path("m.png").read_bytes())))
    assert inpaint("a.png", "-", "-o", "-", "--report", "r.json") == 0
    assert capsysbinary.readouterr().err.startswith(b"note: standard input: the mask has no hole")
    record = json.loads(Path("r.json").read_text())
    assert (record["pictures"][0]["mask"], record["pictures"][0]["output"]) == ("-", "-")
    assert list(record["notes"].values()) == [["-"]]
    assert inpaint("-", "a.png", "-o", "-", "--format", "same") == 2
    assert b"--format same: standard input has no name" in capsysbinary.readouterr().err


def test_standard_input_that_never_ends_is_cut(inpaint, capsys, monkeypatch):
    save("m.png", MASKS[0])

    class Endless(io.RawIOBase):
        given = 0

        def read(self, size: int = -1) -> bytes:
            self.given += size
            return bytes(size)

    endless = Endless()
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=endless, isatty=lambda: False))
    assert inpaint("-", "m.png", "-o", "r.png", "--max-pixels", "1") == 2
    assert endless.given == most_bytes(1) + 1
    assert f"error: standard input: a file of {most_bytes(1) + 1:,} bytes;" in capsys.readouterr().err


def test_terminals_are_no_pipes(inpaint, capsys, monkeypatch):
    save("a.png", IMAGES[0])
    monkeypatch.setattr(sys, "stdin", Terminal())
    assert inpaint("-", "a.png", "-o", "r.png") == 2
    assert "standard input (-) is a terminal" in capsys.readouterr().err


def test_closed_descriptors_are_no_pipes(inpaint, capsys, monkeypatch):
    save("a.png", IMAGES[0])
    monkeypatch.setattr(sys, "stdin", None)
    assert inpaint("-", "a.png", "-o", "r.png") == 2
    assert "standard input (-) is closed" in capsys.readouterr().err
    monkeypatch.setattr(sys, "stdout", None)
    assert inpaint("a.png", "a.png", "-o", "-") == 2
    assert "standard output (-) is closed" in capsys.readouterr().err


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True
