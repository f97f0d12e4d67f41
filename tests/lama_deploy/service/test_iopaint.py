"""IOPaint's API, as its clients use it."""

import base64
import io
import json
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.runtime.inpainter import Inpainter
from tests.lama_deploy.service.conftest import Running, png

ORIENTATION = 0x0112
# What IOPaint 1.6's page sends of its other fields, and scripts that fill in all of them.
OTHERS = {
    "ldm_steps": 20,
    "ldm_sampler": "plms",
    "zits_wireframe": True,
    "prompt": "",
    "negative_prompt": "",
    "use_croper": False,
    "croper_x": 0,
    "use_extender": False,
    "sd_scale": 1.0,
    "sd_strength": 1.0,
    "sd_steps": 50,
    "sd_sampler": "UniPC",
    "cv2_flag": "INPAINT_NS",
    "cv2_radius": 4,
    "enable_controlnet": False,
    "controlnet_method": "",
    "powerpaint_task": "text-guided",
    "fitting_degree": 1.0,
}


def text(content: bytes) -> str:
    return base64.b64encode(content).decode()


def result(content: bytes) -> Array:
    return np.asarray(Image.open(io.BytesIO(content)))


def test_an_image_and_a_mask(running: Running, demo: Inpainter, photo: Array, hole: Array) -> None:
    for image, mask in (
        (text(png(photo)), text(png(hole))),
        (f"data:image/png;base64,{text(png(photo))}", text(png(hole // 2 + 1))),
    ):
        answer = running.client.post("/api/v1/inpaint", json={"image": image, "mask": mask, "sd_seed": 7, **OTHERS})
        assert answer.status_code == 200, answer.text
        assert answer.headers["content-type"] == "image/png"
        assert answer.headers["x-seed"] == "7"
        assert np.array_equal(result(answer.content), demo(photo, hole))
        assert json.loads(answer.headers["x-lama-notes"]) == []


def test_strategies_have_iopaints_names(running: Running, photo: Array, hole: Array) -> None:
    def plan(**fields: Any) -> str:
        asked = {"image": text(png(photo)), "mask": text(png(hole)), **fields}
        plan: str = running.client.post("/api/v1/inpaint", json=asked).headers["x-lama-plan"]
        return plan

    assert plan() == "filled by whole, since it was asked for: 85x101"
    cropped = plan(hd_strategy="Crop", hd_strategy_crop_trigger_size=100, hd_strategy_crop_margin=8)
    assert cropped.startswith("filled by crop, since it was asked for: ")
    assert plan(hd_strategy="Original").startswith("filled by whole")
    assert plan(hd_strategy="Resize", hd_strategy_resize_limit=128).startswith("filled by whole, since its longer side")


def test_a_turned_picture_comes_back_as_it_is_shown(running: Running, photo: Array, hole: Array) -> None:
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[ORIENTATION] = orientation
        turned = png(photo, exif=exif)
        shown = png(np.asarray(_shown(turned)))
        mask = text(png(np.ascontiguousarray(np.asarray(_shown(png(hole, exif=exif))))))
        first, second = (
            running.client.post("/api/v1/inpaint", json={"image": text(image), "mask": mask}).content
            for image in (turned, shown)
        )
        known = np.asarray(Image.open(io.BytesIO(base64.b64decode(mask)))) == 0
        assert result(first).shape == result(second).shape
        assert np.array_equal(result(first)[known], result(second)[known])
        assert Image.open(io.BytesIO(first)).getexif().get(ORIENTATION, 1) == 1


def _shown(content: bytes) -> Image.Image:
    from PIL import ImageOps

    return ImageOps.exif_transpose(Image.open(io.BytesIO(content)))


def test_what_an_erase_model_does_not_do_is_told(running: Running, photo: Array, hole: Array) -> None:
    asked = {"image": text(png(photo)), "mask": text(png(hole)), "prompt": "a dog", "sd_seed": -1, "colour": "red"}
    answer = running.client.post("/api/v1/inpaint", json=asked)
    assert json.loads(answer.headers["x-lama-notes"]) == [
        "prompt, colour are of other models than this one, or unknown, and change nothing"
    ]
    assert int(answer.headers["x-seed"]) > 0


def test_what_is_wrong(running: Running, photo: Array, hole: Array) -> None:
    image, mask = text(png(photo)), text(png(hole))
    for content, status, said in (
        (b"x", 400, "Invalid JSON"),
        (b"[]", 400, "the body: "),
        (json.dumps({"image": image}), 400, "mask: Field required"),
        (json.dumps({"image": "!", "mask": mask}), 400, "image: no base64 of a picture"),
        (json.dumps({"image": text(b"x"), "mask": mask}), 400, "image: not a picture"),
        (json.dumps({"image": image, "mask": text(png(hole[1:]))}), 400, "the mask is 85x100"),
        (json.dumps({"image": image, "mask": mask, "hd_strategy": "Best"}), 400, "hd_strategy: "),
    ):
        answer = running.client.post("/api/v1/inpaint", content=content, headers={"Content-Type": "application/json"})
        assert answer.status_code == status, content[:50]
        assert said in answer.json()["error"]
        assert image not in answer.text
    assert running.client.post("/api/v1/inpaint", data={"image": image}).status_code == 415


def test_what_clients_ask_first(running: Running) -> None:
    model = running.client.get("/api/v1/model").json()
    assert (model["name"], model["model_type"], model["need_prompt"]) == ("lama-demo", "inpaint", False)
    config = running.client.get("/api/v1/server-config").json()
    assert config["modelInfos"] == [model]
    assert (config["plugins"], config["disableModelSwitch"]) == ([], True)
