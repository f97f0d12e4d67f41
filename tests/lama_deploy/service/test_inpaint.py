"""POST /v1/inpaint and /v1/convert: what lama-inpaint would write, and one line for what cannot be."""

import io
import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.cli.inpaint import main
from lama_deploy.runtime.inpainter import Inpainter
from tests.lama_deploy.service.conftest import Running, png

ORIENTATION, MAKER = 0x0112, 0x010F


def picture(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    image.load()
    return image


def test_the_result_is_the_inpainters(
    running: Running, demo: Inpainter, files: dict[str, Any], photo: Array, hole: Array
) -> None:
    answer = running.client.post("/v1/inpaint", files=files)
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "image/png"
    assert np.array_equal(np.asarray(picture(answer.content)), demo(photo, hole))
    assert json.loads(answer.headers["x-lama-notes"]) == []
    assert answer.headers["x-lama-plan"] == "filled by whole, since the picture is small: 85x101"
    assert {part.partition(";")[0] for part in answer.headers["server-timing"].split(", ")} == {
        *("decode", "queue", "infer", "encode")
    }


CASES: list[tuple[str, dict[str, Any], list[str]]] = [
    ("png", {"grow": "5", "compression": "9"}, ["--grow", "5", "--compression", "9"]),
    ("jpg", {"format": "jpg", "quality": "80"}, ["--quality", "80"]),
    ("webp", {"format": "webp"}, []),
    ("tif", {"format": "tif", "invert": "true"}, ["--invert"]),
    ("bmp", {"format": "bmp", "mask_threshold": "127"}, ["--mask-threshold", "127"]),
    ("png", {"strategy": "crop", "margin": "16"}, ["--strategy", "crop", "--margin", "16"]),
    ("png", {"box": ["10,10,20,20", "60%,60%,5,5"], "point": "40,50,9.5"}, ["--box", "10,10,20,20", "--box", "60%,60%,5,5", "--point", "40,50,9.5"]),
]  # fmt: skip


@pytest.mark.parametrize(("suffix", "fields", "options"), CASES)
def test_files_are_lama_inpaints_to_the_byte(
    running: Running,
    tmp_path: Path,
    photo: Array,
    hole: Array,
    suffix: str,
    fields: dict[str, Any],
    options: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "somebody"
    image, mask, out = tmp_path / "a.png", tmp_path / "m.png", tmp_path / f"r.{suffix}"
    image.write_bytes(png(photo, exif=exif, dpi=(300, 300)))
    mask.write_bytes(png(np.rot90(hole, -1)))
    command = [str(image), "--mask", str(mask), "-o", str(out), "--backend", "onnxruntime"]
    monkeypatch.setattr(sys, "argv", ["lama-inpaint", *command, "--threads", "1", *options])
    assert main() == 0
    told = capsys.readouterr().err
    answer = running.client.post(
        "/v1/inpaint",
        files={"image": ("x", image.read_bytes()), "mask": ("y", mask.read_bytes())},
        data={"model": "lama-demo", **fields},
    )
    assert answer.status_code == 200, answer.text
    assert answer.content == out.read_bytes()
    for note in json.loads(answer.headers["x-lama-notes"]):
        assert note in told
