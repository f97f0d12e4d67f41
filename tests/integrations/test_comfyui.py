"""The nodes by ComfyUI's contract, 0.3.64: classes that are called with keywords, pictures as floats from 0 to 1."""

import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lama_deploy import ImageError, Inpainter, StrategyOptions
from lama_deploy.arrays import Array
from tests.integrations.conftest import INTEGRATIONS, imported, picture


@pytest.fixture(scope="module")
def comfy(tmp_path_factory: pytest.TempPathFactory, onnx: Path) -> Any:
    """The package beside modules that have what it imports. steps: of the progress bars, one by one."""
    models, paths, steps = tmp_path_factory.mktemp("models"), dict[str, list[str]](), list[tuple[int, int]]()
    (models / "lama").mkdir()
    (models / "lama" / "mine").symlink_to(onnx)
    (models / "lama" / "no-bundle").mkdir()

    class ProgressBar:
        def __init__(self, total: int) -> None:
            self.total, self.done = total, 0

        def update(self, value: int) -> None:
            self.done += value
            steps.append((self.done, self.total))

    contents: dict[str, dict[str, Any]] = {
        "folder_paths": {
            "models_dir": str(models),
            "add_model_folder_path": lambda kind, path: paths.setdefault(kind, []).append(path),
            "get_folder_paths": lambda kind: list(paths[kind]),
        },
        "comfy": {},
        "comfy.utils": {"ProgressBar": ProgressBar},
    }
    with pytest.MonkeyPatch.context() as patch:
        for name, content in contents.items():
            module = ModuleType(name)
            vars(module).update(content)
            patch.setitem(sys.modules, name, module)
        sys.modules["comfy"].utils = sys.modules["comfy.utils"]  # type: ignore[attr-defined]
        yield SimpleNamespace(nodes=imported(INTEGRATIONS / "comfyui" / "__init__.py", "lama_nodes"), steps=steps)


def called(comfy: Any, node: str, **inputs: Any) -> Any:
    """As ComfyUI's `execution.py` does, with only what the inputs of the node name, and its first output."""
    made = comfy.nodes.NODE_CLASS_MAPPINGS[node]
    known = made.INPUT_TYPES()
    assert set(known["required"]) <= set(inputs) <= set(known["required"]) | set(known.get("optional", {}))
    with torch.inference_mode():
        found = getattr(made(), made.FUNCTION)(**inputs)
    assert isinstance(found, tuple) and len(found) == len(made.RETURN_TYPES)
    return found[0]


@pytest.fixture(scope="module")
def loaded(comfy: Any) -> Any:
    return called(comfy, "LamaLoadBundle", bundle="mine", device="cpu")


def test_a_workflow_names_bundles_that_are_there(comfy: Any, onnx: Path) -> None:
    load = comfy.nodes.NODE_CLASS_MAPPINGS["LamaLoadBundle"]
    assert load.INPUT_TYPES()["required"]["bundle"] == (["lama-demo", "mine"],)
    assert load.IS_CHANGED("mine", "cpu") == (onnx / "bundle.json").read_text() != load.IS_CHANGED("lama-demo", "cpu")


def test_every_input_has_its_default_within_its_range(comfy: Any) -> None:
    optional = comfy.nodes.NODE_CLASS_MAPPINGS["LamaInpaint"].INPUT_TYPES()["optional"]
    for kind, *rest in optional.values():
        if kind in ("INT", "FLOAT"):
            assert rest[0]["min"] <= rest[0]["default"] <= rest[0]["max"]
    assert set(comfy.nodes.NODE_DISPLAY_NAME_MAPPINGS) == set(comfy.nodes.NODE_CLASS_MAPPINGS)


@pytest.mark.parametrize("masks", [1, 2])
def test_batches_with_one_mask_or_one_each(comfy: Any, loaded: Any, onnx: Path, masks: int) -> None:
    image, mask = picture("any")
    images, holes = np.stack([image, image[::-1]]), np.stack([mask, mask[:, ::-1]])[:masks]
    found = called(comfy, "LamaInpaint", bundle=loaded, image=floats(images), mask=floats(holes * 255))
    expected = Inpainter.load(onnx, device="cpu").run(images, holes)
    assert np.array_equal(saved(found), expected)
    assert comfy.steps[-2:] == [(1, 2), (2, 2)]


def test_pictures_of_a_list_are_calls_of_their_own(comfy: Any, loaded: Any, onnx: Path) -> None:
    for name in ("even", "odd"):
        image, mask = picture(name)
        found = called(comfy, "LamaInpaint", bundle=loaded, image=floats(image[None]), mask=floats(mask[None] * 255))
        assert np.array_equal(saved(found)[0], Inpainter.load(onnx, device="cpu")(image, mask))


def test_options_are_ours(comfy: Any, loaded: Any, onnx: Path) -> None:
    image, mask = picture("any")
    soft = np.where(mask > 0, 255, 100).astype(np.uint8)
    options = {"threshold": 0.5, "grow": 3, "strategy": "crop", "margin": 8, "limit": 128}
    found = called(comfy, "LamaInpaint", bundle=loaded, image=floats(image[None]), mask=floats(soft[None]), **options)
    ours = Inpainter.load(onnx, strategy=StrategyOptions(strategy="crop", margin=8, limit=128))
    assert np.array_equal(saved(found)[0], ours(image, soft, mask_threshold=127.5, grow=3))
    turned = called(
        comfy, "LamaInpaint", bundle=loaded, image=floats(image[None]), mask=1 - floats(mask[None] * 255), invert=True
    )
    assert np.array_equal(saved(turned)[0], Inpainter.load(onnx)(image, mask))


def test_known_pixels_keep_floats_that_are_no_bytes(comfy: Any, loaded: Any) -> None:
    """As a VAE gives them, also beyond 0 and 1; and transparency."""
    image = torch.rand(1, 61, 83, 4, generator=torch.Generator().manual_seed(1)) * 1.2 - 0.1
    mask = floats(picture("any")[1][None] * 255)
    before, found = image.clone(), called(comfy, "LamaInpaint", bundle=loaded, image=image, mask=mask)
    assert torch.equal(image, before) and torch.equal(found[..., 3], image[..., 3])
    assert torch.equal(found[mask == 0], image[mask == 0])
    assert not torch.equal(found[mask > 0], image[mask > 0])


def test_what_does_not_fit_is_said(comfy: Any, loaded: Any) -> None:
    image = torch.zeros(3, 61, 83, 3)
    for mask in (torch.zeros(1, 64, 64), torch.ones(2, 61, 83)):  # as Load Image gives it for opaque ones; and of two
        with pytest.raises(ImageError):
            called(comfy, "LamaInpaint", bundle=loaded, image=image, mask=mask)


def floats(pictures: Array) -> torch.Tensor:
    """As ComfyUI's loader gives bytes."""
    return torch.from_numpy(pictures.astype(np.float32) / 255.0)


def saved(pictures: torch.Tensor) -> Array:
    """As ComfyUI's writer makes bytes of them."""
    return np.clip(255.0 * pictures.numpy(), 0, 255).astype(np.uint8)
