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
    (
        "png",
        {"box": ["10,10,20,20", "60%,60%,5,5"], "point": "40,50,9.5"},
        ["--box", "10,10,20,20", "--box", "60%,60%,5,5", "--point", "40,50,9.5"],
    ),
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


def test_boxes_need_no_mask_and_the_model_is_chosen_by_name(running: Running, photo: Array) -> None:
    answer = running.client.post(
        "/v1/inpaint", files={"image": png(photo)}, data={"box": "10,20,30,40", "model": "other"}
    )
    filled = np.asarray(picture(answer.content))
    assert (filled[20:60, 10:40] == int(photo.mean())).all()
    known = np.ones(photo.shape[:2], bool)
    known[20:60, 10:40] = False
    assert np.array_equal(filled[known], photo[known])


def test_the_format_is_the_images_own_where_that_is_asked_for(running: Running, photo: Array, hole: Array) -> None:
    files = {"image": png(photo, "WEBP", lossless=True), "mask": png(hole)}
    answer = running.client.post("/v1/inpaint", files=files, data={"format": "same", "model": "other"})
    assert answer.headers["content-type"] == "image/webp"
    files["image"] = png(photo, "GIF")
    answer = running.client.post("/v1/inpaint", files=files, data={"format": "same", "model": "other"})
    assert answer.headers["content-type"] == "image/png"
    assert "the image's own format is not written, so the result is PNG" in json.loads(answer.headers["x-lama-notes"])


def test_sixteen_bits_and_transparency_are_kept(running: Running, photo: Array, hole: Array) -> None:
    deep = photo[..., 0].astype(np.uint16) * 257 + 5
    answer = running.client.post("/v1/inpaint", files={"image": png(deep), "mask": png(hole)}, data={"model": "other"})
    result = np.asarray(picture(answer.content))
    assert result.dtype == np.uint16
    assert np.array_equal(result[hole == 0], deep[hole == 0])
    clear = np.dstack((photo, photo[..., 0]))
    answer = running.client.post("/v1/inpaint", files={"image": png(clear), "mask": png(hole)}, data={"model": "other"})
    assert np.array_equal(np.asarray(picture(answer.content))[..., 3], photo[..., 0])


def test_an_error_says_what_is_wrong_in_one_line(
    running: Running, files: dict[str, Any], photo: Array, hole: Array
) -> None:
    def wrong(status: int, said: str, changed: dict[str, Any] | None = None, **fields: Any) -> None:
        given = {name: value for name, value in {**files, **(changed or {})}.items() if value is not None}
        answer = running.client.post("/v1/inpaint", files=given, data=fields)
        assert answer.status_code == status, answer.text
        told = answer.json()
        assert list(told) == ["error"]
        assert said in told["error"]
        assert "\n" not in told["error"]
        assert answer.headers["x-request-id"]

    image = files["image"][1]
    wrong(400, "image: field required", {"image": None})
    wrong(400, "image is a file, not text: -F image=@photo.png", {"image": None}, image="hello")
    wrong(400, "mask is a file, not text: -F mask=@mask.png", {"mask": None}, mask="hello")
    wrong(400, "image: truncated or damaged", {"image": image[: len(image) // 2]})
    wrong(400, "image: not a picture in any format that is read", {"image": b"nothing"})
    wrong(400, "image: not a picture in any format that is read", {"image": ("empty.png", b"")})
    wrong(400, "the mask is 84x101, the image 85x101", {"mask": png(hole[:, :-1])})
    wrong(400, "there is neither a mask nor a box or point", {"mask": None})
    wrong(400, "mask: not a picture", {"mask": b"nothing"})
    wrong(400, "outside of the picture", box="1000,1000,5,5")
    wrong(400, "box is '1,2,3'; allowed: X,Y,W,H", box="1,2,3")
    wrong(400, "point is 'x,2,3'; allowed: X,Y,R, each in pixels", point="x,2,3")
    wrong(400, "quality: input should be less than or equal to 100", quality="101")
    wrong(400, "quality is for JPEG and WebP", quality="80")
    wrong(400, "compression: input should be a valid integer", compression="much")
    wrong(400, "strategy: input should be 'auto'", strategy="best")
    wrong(400, "format: input should be 'png'", format="exe")
    wrong(400, "limit: input should be greater than or equal to 128", limit="1")
    wrong(400, "mask_threshold: input should be less than 255", mask_threshold="255")
    wrong(400, "mask_threshold: input should be a finite number", mask_threshold="nan")
    wrong(400, "field 'qualty' is unknown; known: image, mask,", qualty="5")
    wrong(400, "field 'grow' is there more than once", grow=["5", "6"])
    wrong(400, "JPEG cannot keep the image's transparency", {"image": png(np.dstack((photo, hole)))}, format="jpg")
    wrong(404, "model 'big' is not served; served: lama-demo, other", model="big")


def test_bodies_that_are_no_form_are_refused(running: Running) -> None:
    part = b"--b\r\nContent-Disposition: form-data; name=image\r\n\r\nabc\r\n--b--"
    for content, headers, status in (
        (b"{}", {"Content-Type": "application/json"}, 415),
        (b"x", {}, 415),
        (b"x", {"Content-Type": "multipart/form-data"}, 400),
        (b"x", {"Content-Type": "multipart/form-data; boundary=b"}, 400),
        (part, {"Content-Type": "multipart/form-data; boundary=b"}, 400),
    ):
        answer = running.client.post("/v1/inpaint", content=content, headers=headers)
        assert answer.status_code == status, answer.text
        assert list(answer.json()) == ["error"]


def test_nothing_of_a_picture_is_logged(running: Running, files: dict[str, Any]) -> None:
    files = {"image": ("secret-name.png", files["image"][1]), "mask": ("secret-mask.png", b"secret-bytes")}
    answer = running.client.post("/v1/inpaint?secret=query", files=files, data={"model": "other"})
    assert answer.status_code == 400
    line = running.line_of(answer)
    assert "secret" not in json.dumps(line)
    assert {line["route"], line["status"], line["method"]} == {"/v1/inpaint", 400, "POST"}


def test_convert_keeps_what_the_original_carries(running: Running, photo: Array) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 6, "somebody"
    original = png(photo, "JPEG", exif=exif, dpi=(300, 300))
    shown = np.rot90(photo, -1)
    answer = running.client.post(
        "/v1/convert", files={"image": png(shown), "original": original}, data={"format": "same", "quality": "90"}
    )
    result = picture(answer.content)
    assert (result.format, result.size) == ("JPEG", (101, 85))
    assert result.info["dpi"] == (300, 300)
    assert dict(result.getexif()) == {MAKER: "somebody"}  # and no orientation: the pixels are as they are shown
    stored = running.client.post("/v1/convert", files={"image": png(photo, exif=exif), "original": original})
    result = picture(stored.content)
    assert np.array_equal(np.asarray(result), photo)
    assert dict(result.getexif()) == {ORIENTATION: 6, MAKER: "somebody"}


def test_convert_says_what_is_wrong(running: Running, photo: Array) -> None:
    answer = running.client.post("/v1/convert", files={"image": png(photo), "original": png(photo[1:])})
    assert answer.status_code == 400
    assert answer.json() == {"error": "the image is 85x101, the original 85x100; both must have the same size"}
    answer = running.client.post("/v1/convert", files={"image": png(photo), "original": b"x"})
    assert answer.json()["error"].startswith("original: not a picture")
