"""What an engine throws is one line of ours, and a model that computes NaN fills no hole."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import onnx
import pytest

from lama_deploy import Inpainter
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import BundleError, DeviceMemoryError, EngineError, ImageError, LamaDeployError
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.results import check_filled
from lama_export.graph.model import onnx_from_state

BRIGHT = np.maximum(scene(40, 48)[0], 20), scene(40, 48)[1]


class FailError(Exception):
    """As ONNX Runtime has them: of no kind."""


THROWN = {
    "of no kind": (
        FailError("[ONNXRuntimeError] : 1 : FAIL :\n  two lines"),
        EngineError,
        "FailError: .* : FAIL : two lines",
    ),
    "OpenVINO's": (RuntimeError("Check 'a' failed at x.cpp:9"), EngineError, "RuntimeError: Check 'a' failed"),
    "memory": (MemoryError(), DeviceMemoryError, r"too little memory for a picture of 6x5 \(MemoryError\); give it"),
    "NumPy's": (np.exceptions.AxisError("axis 9"), EngineError, "AxisError: axis 9"),
    "C++": (RuntimeError("std::bad_alloc"), DeviceMemoryError, "too little memory"),
    "PyTorch": (RuntimeError("DefaultCPUAllocator: not enough memory: 9"), DeviceMemoryError, "too little memory"),
    "ONNX Runtime": (
        FailError("Failed to allocate memory for requested buffer"),
        DeviceMemoryError,
        "too little memory",
    ),
    "ours": (ImageError("not this one"), ImageError, "^not this one$"),
}


@pytest.mark.parametrize("thrown", THROWN)
def test_thrown(thrown: str) -> None:
    error, kind, message = THROWN[thrown]
    with pytest.raises(kind, match=message) as caught, engine_failures("Engine", (1, 5, 6)):
        raise error
    assert "\n" not in str(caught.value)


def test_an_interrupt_is_none() -> None:
    with pytest.raises(KeyboardInterrupt), engine_failures("Engine", (2, 5, 6)):
        raise KeyboardInterrupt


@pytest.fixture(scope="module", params=["uint8", "float"])
def broken(request: pytest.FixtureRequest, tiny: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with a NaN among its weights, which no checkpoint with one would become."""
    state = {key: array.copy() for key, array in tiny.state_dict.items()}
    state["model.5.conv1.ffc.convl2l.weight"].flat[0] = np.nan
    path = tmp_path_factory.mktemp("broken") / "model.onnx"
    onnx.save(onnx_from_state(tiny.config, state, io=request.param), path)
    return path


def test_nan_fills_no_hole(broken: Path) -> None:
    inpaint = Inpainter.load(broken)
    with pytest.raises(EngineError, match=r"the model (computed NaN|filled the hole with nothing but black, as NaN)"):
        inpaint.run(*BRIGHT)


@pytest.mark.parametrize("backend", ["torch", "cuda"])
def test_nan_of_pytorch_fills_no_hole(tiny: Checkpoint, backend: str) -> None:
    state = {key: array.copy() for key, array in tiny.state_dict.items()}
    state["model.5.conv1.ffc.convl2l.weight"].flat[0] = np.nan
    broken = Checkpoint(tiny.path, tiny.config, state, tiny.sha256)
    with pytest.raises(EngineError, match=r"the model (computed NaN|filled the hole with nothing but black)"):
        Inpainter.of(broken, backend=backend, device="cpu").run(*BRIGHT)


def test_black_that_may_be_right() -> None:
    image, hole = np.full((1, 20, 20, 3), 200, np.uint8), np.zeros((1, 20, 20), np.uint8)
    hole[:, 5:15, 5:15] = 1
    black = np.where(hole[..., None] > 0, np.uint8(0), image)
    with pytest.raises(EngineError):
        check_filled(black, image, hole)
    with_black, small, almost = image.copy(), np.zeros_like(hole), black.copy()
    with_black[0, 0, 0] = (8, 0, 3)
    small[:, :7, :9] = 1
    almost[0, 6, 6, 2] = 1
    check_filled(black, with_black, hole)
    check_filled(np.zeros_like(image), image, small)
    check_filled(almost, image, hole)
    check_filled(np.zeros_like(image), image, np.ones_like(hole))  # nothing is known
    with pytest.raises(EngineError):  # the second of a batch
        check_filled(np.concatenate([almost, black]), np.repeat(image, 2, 0), np.repeat(hole, 2, 0))


def renamed(model: onnx.ModelProto) -> None:
    model.graph.input[0].name = "picture"
    for node in model.graph.node:
        node.input[:] = ["picture" if name == "image" else name for name in node.input]


def one_more_output(model: onnx.ModelProto) -> None:
    model.graph.node.append(onnx.helper.make_node("Identity", ["mask"], ["copy"]))
    model.graph.output.append(onnx.helper.make_tensor_value_info("copy", onnx.TensorProto.UINT8, [None] * 3))


def float_image(model: onnx.ModelProto) -> None:
    model.graph.input[0].type.tensor_type.elem_type = onnx.TensorProto.FLOAT
    model.graph.node.insert(0, onnx.helper.make_node("Cast", ["floats"], ["image"], to=onnx.TensorProto.UINT8))
    model.graph.input[0].name = "floats"


def flat_mask(model: onnx.ModelProto) -> None:
    model.graph.input[1].name = "flat"
    del model.graph.input[1].type.tensor_type.shape.dim[1:]
    model.graph.initializer.append(onnx.numpy_helper.from_array(np.array([1, 40, 48]), "shape"))
    model.graph.node.insert(0, onnx.helper.make_node("Reshape", ["flat", "shape"], ["mask"]))


def no_metadata(model: onnx.ModelProto) -> None:
    del model.metadata_props[:]


FOREIGN = {
    renamed: r"is uint8, which is image: uint8 of 4 dimensions, .*, and has picture: uint8",
    one_more_output: "and has .* copy: uint8 of 3 dimensions; export it again",
    float_image: "and has floats: float32 of 4 dimensions, mask",
    flat_mask: "flat: uint8 of 1 dimensions",
    no_metadata: r"not a LaMa model of lama-export \(it has image: uint8 of 4 dimensions.*\); make one with",
}


@pytest.mark.parametrize("change", FOREIGN, ids=lambda change: change.__name__)
def test_other_interfaces_are_not_opened(change, bundles: Mapping[str, Path], tmp_path: Path) -> None:
    model = onnx.load(bundles["uint8"] / "model.onnx")
    change(model)
    onnx.save(model, tmp_path / "other.onnx")
    with pytest.raises(BundleError, match=FOREIGN[change]) as caught:
        Inpainter.load(tmp_path / "other.onnx")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("source", [None, b"big-lama", 3, ["a"]], ids=repr)
def test_models_that_are_no_path(source) -> None:
    with pytest.raises(LamaDeployError, match=r"^the model is .*; allowed: a path or a name"):
        Inpainter.load(source)


ARRAYS = [
    (BRIGHT[0][0], BRIGHT[1]),
    (BRIGHT[0], BRIGHT[1][0]),
    (BRIGHT[0] / 255, BRIGHT[1]),
    (BRIGHT[0], BRIGHT[1] / 2),
]


@pytest.mark.parametrize("pixels, holes", ARRAYS, ids=["rank", "holes' rank", "floats", "holes of floats"])
def test_arrays_that_run_does_not_take(bundles: Mapping[str, Path], pixels: np.ndarray, holes: np.ndarray) -> None:
    with pytest.raises(ImageError, match=r"^pixels are .*; allowed: uint8 \(N, H, W, 3\) and uint8"):
        Inpainter.load(bundles["uint8"]).run(pixels, holes)


def test_a_cache_that_is_no_name(openvino_bundles: Mapping[str, Path]) -> None:
    with pytest.raises(LamaDeployError, match=r"cannot be a cache .*; give a folder, or none"):
        Inpainter.load(openvino_bundles["fp32"], cache="a\0b")
