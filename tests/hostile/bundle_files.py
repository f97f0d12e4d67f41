"""A small model as bundles, written without the proof that takes an export its time, and a picture to try them on."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import onnx

from lama_deploy.arrays import Array
from lama_deploy.bundle import MODELS, Bundle, load_bundle
from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.disk import sha256_of
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state
from lama_export.openvino_model import openvino_from_onnx, save_openvino

TINY = GeneratorConfig(width=4, blocks=1, downsamplings=2, ratio=0.5)
SCENE = scene(24, 32)
HASH = 64 * "0"


def write_bundles(folder: Path) -> dict[str, Path]:
    """By target: "onnx" and "openvino". Both run, so that what is refused later is so for what was done to it."""
    state = {key: tensor.numpy() for key, tensor in seeded_generator(TINY).state_dict().items()}
    save_checkpoint(folder / "tiny.safetensors", TINY, state)
    state = dict(load_checkpoint(folder / "tiny.safetensors").state_dict)
    found = {name: folder / name for name in ("onnx", "openvino")}
    for place in found.values():
        place.mkdir()
    model = onnx_from_state(TINY, state)
    onnx.save(model, found["onnx"] / "model.onnx")
    save_openvino(openvino_from_onnx(model, "fp32"), found["openvino"] / "model.xml")
    for target, place in found.items():
        sign(place, target)
        open_and_run(place)
    return found


def sign(place: Path, target: str) -> None:
    """Write its bundle.json, as whoever makes one on purpose would."""
    files = {path.name: {"bytes": path.stat().st_size, "sha256": sha256_of(path)} for path in sorted(place.iterdir())}
    Bundle(
        variant=None, generator=TINY.to_dict(), weights={"source": "tiny", "sha256": HASH}, target=target,
        precision="fp32", spectral="inline", io="uint8", files=files, inputs={}, outputs={}, tools={},
    ).save(place)  # fmt: skip


def copy(place: Path, folder: Path) -> Path:
    return Path(shutil.copytree(place, folder / "bundle"))


def open_and_run(source: Path) -> Array:
    """What an Inpainter makes of the scene; known pixels must be as they were."""
    images, masks = SCENE
    result = Inpainter.load(source, threads=1, **({"cache": ""} if _is_openvino(source) else {})).run(images, masks)
    np.testing.assert_array_equal(result[masks == 0], images[masks == 0])
    assert result.dtype == np.uint8 and result.shape == images.shape
    return result


def _is_openvino(source: Path) -> bool:
    if source.is_dir():
        return (source / "bundle.json").is_file() and load_bundle(source).model == MODELS["openvino"]
    return source.suffix == ".xml"
