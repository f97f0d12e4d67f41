"""Every kind of MODEL fills the hole and nothing else; foreign networks are understood or refused with one line."""

import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper

from lama_deploy import Inpainter
from lama_deploy.errors import LamaDeployError, UnsafeCheckpointError
from lama_deploy.evaluation.candidates import InpainterOptions, open_candidate
from lama_deploy.images.scenes import scene

IMAGES, MASKS = scene(40, 56, seed=3)
RGB, HOLE = IMAGES[0], MASKS[0]
OPTIONS = InpainterOptions(device="cpu", threads=1)
GREY = (0.25, 0.5, 0.75)  # what the test networks paint: red, green, blue
GREY_BYTES = np.array([63, 127, 191])  # truncated, as official code does
SIDE = 48
DYNAMIC: Sequence[int | str] = ("h", "w")


def onnx_file(
    path: Path,
    *,
    names: Sequence[str] = ("image", "mask"),
    scale: float = 1,
    offset: float = 0,
    size: Sequence[int | str] = (SIDE, SIDE),
    kind: int = TensorProto.FLOAT,
) -> Path:
    """Paints scale * GREY + offset in the hole and returns scale * image + offset elsewhere."""
    dtype = helper.tensor_dtype_to_np_dtype(kind)
    constants = {"grey": np.reshape(GREY, (1, 3, 1, 1)), "scale": scale, "offset": offset, "one": 1}
    constants = {name: onnx.numpy_helper.from_array(np.asarray(v, dtype), name) for name, v in constants.items()}
    nodes = []
    if len(names) == 1:
        splits = onnx.numpy_helper.from_array(np.array([3, 1]), "splits")
        constants["splits"] = splits
        nodes.append(helper.make_node("Split", [names[0], "splits"], ["known", "hole"], axis=1))
    else:
        image, mask = sorted(names, key=lambda name: "mask" in name) if "mask" in "".join(names) else names
        nodes += [
            helper.make_node("Identity", [mask], ["hole"]),
            helper.make_node("Sub", ["one", "hole"], ["rest"]),
            helper.make_node("Mul", [image, "rest"], ["known"]),
        ]
    nodes += [
        helper.make_node("Mul", ["grey", "hole"], ["paint"]),
        helper.make_node("Add", ["paint", "known"], ["unit"]),
        helper.make_node("Mul", ["unit", "scale"], ["scaled"]),
        helper.make_node("Add", ["scaled", "offset"], ["output"]),
    ]
    channels = {1: [4]}.get(len(names)) or [1 if "mask" in name else 3 for name in names]
    if "mask" not in "".join(names) and len(names) == 2:
        channels = [3, 1]
    inputs = [helper.make_tensor_value_info(n, kind, [1, c, *size]) for n, c in zip(names, channels, strict=True)]
    output = helper.make_tensor_value_info("output", kind, [1, 3, *size])
    graph = helper.make_graph(nodes, "foreign", inputs, [output], list(constants.values()))
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, path)
    return path


class Painter(torch.nn.Module):
    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if image.shape[2] % 8 != 0 or image.shape[3] % 8 != 0:
            raise RuntimeError("sides must be multiples of eight")
        grey = torch.tensor([0.25, 0.5, 0.75]).view(1, 3, 1, 1)
        return image * (1 - mask) + grey * mask


def painted() -> np.ndarray:
    return np.where(HOLE[..., None] > 0, GREY_BYTES, RGB)


def check_known_pixels(result: np.ndarray) -> None:
    assert result.dtype == np.uint8 and result.shape == RGB.shape
    np.testing.assert_array_equal(result[HOLE == 0], RGB[HOLE == 0])


@pytest.mark.parametrize(
    "options",
    [
        {"size": DYNAMIC},
        {"size": DYNAMIC, "scale": 255},
        {"size": DYNAMIC, "names": ("mask_in", "picture")},
        {"size": DYNAMIC, "names": ("a", "b")},
        {"size": DYNAMIC, "names": ("input",)},
        {"size": RGB.shape[:2]},
    ],
    ids=["unit", "byte", "mask first", "in order", "four channels", "fixed to this size"],
)
def test_foreign_onnx(tmp_path, options):
    candidate = open_candidate(f"onnx:{onnx_file(tmp_path / 'm.onnx', **options)}", OPTIONS)
    np.testing.assert_array_equal(candidate.inpaint(RGB, HOLE), painted())


def test_foreign_half_precision(tmp_path):
    file = onnx_file(tmp_path / "m.onnx", size=DYNAMIC, kind=TensorProto.FLOAT16)
    np.testing.assert_array_equal(open_candidate(f"onnx:{file}", OPTIONS).inpaint(RGB, HOLE), painted())


@pytest.mark.parametrize("scale", [1, 255])
def test_foreign_onnx_of_a_fixed_size(tmp_path, scale):
    candidate = open_candidate(f"onnx:{onnx_file(tmp_path / 'm.onnx', scale=scale)}", OPTIONS)
    result = candidate.inpaint(RGB, HOLE)
    check_known_pixels(result)
    inside = HOLE.astype(bool) & (np.pad(HOLE, 4)[8:, 8:] & np.pad(HOLE, 4)[:-8, :-8]).astype(bool)
    assert inside.any() and np.abs(result[inside].astype(int) - GREY_BYTES).max() <= 60
    assert f"{SIDE}x{SIDE} only" in candidate.note
    assert ("0..255" if scale == 255 else "[0, 1]") in candidate.note
    assert candidate.facts["fixed_size"] == (SIDE, SIDE)


def test_fixed_sizes_see_nothing_of_the_hole(tmp_path):
    """The truth inside the hole must not come through the resizing."""
    candidate = open_candidate(f"onnx:{onnx_file(tmp_path / 'm.onnx')}", OPTIONS)
    other = np.where(HOLE[..., None] > 0, 255 - RGB, RGB)
    np.testing.assert_array_equal(candidate.inpaint(RGB, HOLE), candidate.inpaint(other, HOLE))


def test_output_range_can_be_given(tmp_path):
    file = onnx_file(tmp_path / "m.onnx", size=DYNAMIC)
    candidate = open_candidate(f"onnx:{file}", InpainterOptions(device="cpu", output_range="byte"))
    assert candidate.inpaint(RGB, HOLE)[HOLE > 0].max() == 0  # bytes of at most 1 are black, truncated
    assert "as given" in candidate.note


def test_torchscript(tmp_path):
    torch.jit.script(Painter()).save(tmp_path / "m.pt")
    candidate = open_candidate(f"torchscript:{tmp_path / 'm.pt'}", OPTIONS)
    np.testing.assert_array_equal(candidate.inpaint(RGB[:37, :51], HOLE[:37, :51]), painted()[:37, :51])


def test_torchscript_that_does_not_run(tmp_path):
    torch.jit.script(Painter()).save(tmp_path / "m.pt")
    candidate = open_candidate(f"torchscript:{tmp_path / 'm.pt'}", InpainterOptions(device="cpu", multiple=1))
    with pytest.raises(LamaDeployError, match=r"does not run at 51x37 \(.*multiples of eight\)$"):
        candidate.inpaint(RGB[:37, :51], HOLE[:37, :51])


class Pair(torch.nn.Module):
    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return image, mask


def test_torchscript_that_returns_more(tmp_path):
    torch.jit.script(Pair()).save(tmp_path / "m.pt")
    with pytest.raises(LamaDeployError, match="returns a tuple; it must be the image alone"):
        open_candidate(f"torchscript:{tmp_path / 'm.pt'}", OPTIONS)


@pytest.mark.parametrize("name", ["opencv-telea", "opencv-ns"])
def test_opencv(name):
    cv2 = pytest.importorskip("cv2", reason="OpenCV is not installed")
    result = open_candidate(name, InpainterOptions(opencv_radius=2)).inpaint(RGB, HOLE)
    check_known_pixels(result)
    method = {"opencv-telea": cv2.INPAINT_TELEA, "opencv-ns": cv2.INPAINT_NS}[name]
    wanted = cv2.inpaint(np.ascontiguousarray(RGB[..., ::-1]), HOLE, 2, method)[..., ::-1]
    np.testing.assert_array_equal(result, wanted)


def test_ours(bundles, tiny):
    for source, sha256 in ((bundles["uint8"], None), (tiny.path, tiny.sha256)):
        candidate = open_candidate(str(source), OPTIONS)
        result = candidate.inpaint(RGB, HOLE)
        check_known_pixels(result)
        np.testing.assert_array_equal(result, Inpainter.load(source, threads=1, device="cpu")(RGB, HOLE))
        assert candidate.facts["kind"] == "ours" and candidate.facts["sha256"] == (sha256 or candidate.facts["sha256"])
    bundle_file = open_candidate(str(bundles["uint8"] / "model.onnx"), OPTIONS)
    assert bundle_file.facts == open_candidate(str(bundles["uint8"]), OPTIONS).facts


def write_text(path: Path) -> None:
    path.write_text("nothing of the kind")


def write_signed(path: Path) -> None:
    onnx_file(path, scale=2, offset=-1)


def write_three_inputs(path: Path) -> None:
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, [1, 3, 8, 8]) for n in "abc"]
    graph = helper.make_graph([helper.make_node("Sum", ["a", "b", "c"], ["d"])], "g", value, [])
    graph.output.append(helper.make_tensor_value_info("d", TensorProto.FLOAT, [1, 3, 8, 8]))
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8), path)


def write_nan(path: Path) -> None:
    onnx_file(path, offset=float("nan"))


REFUSED: dict[str, tuple[str, Callable[[Path], object] | None, str]] = {
    "no ONNX file": ("onnx:{}/m.onnx", None, "no such file"),
    "no ONNX": ("onnx:{}/m.onnx", write_text, "ONNX Runtime cannot open it"),
    "three inputs": ("onnx:{}/m.onnx", write_three_inputs, r"not the usual interface \(inputs: a tensor"),
    "range": ("onnx:{}/m.onnx", write_signed, "neither .0, 1. nor 0..255"),
    "NaN": ("onnx:{}/m.onnx", write_nan, "returns NaN or infinity"),
    "no TorchScript file": ("torchscript:{}/m.pt", None, "no such file"),
    "no TorchScript": ("torchscript:{}/m.pt", write_text, "not a TorchScript file"),
    "foreign ONNX without prefix": ("{}/m.onnx", onnx_file, "not a LaMa model .*another method's model: onnx:"),
    "no name": ("no-such-model", None, "known names: big-lama, lama-demo"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_with_one_line(tmp_path, case):
    name, write, message = REFUSED[case]
    path = Path(name.partition(":")[2] or name).name
    if write is not None:
        write(tmp_path / path)
    with pytest.raises(LamaDeployError, match=message) as caught:
        open_candidate(name.format(tmp_path), OPTIONS)
    assert "\n" not in str(caught.value)


def test_torchscript_is_never_loaded_without_its_prefix(tmp_path, monkeypatch):
    torch.jit.script(Painter()).save(tmp_path / "m.pt")
    monkeypatch.setattr(torch.jit, "load", lambda *_, **__: pytest.fail("a program was loaded unasked"))
    with pytest.raises(LamaDeployError, match="another method's model: torchscript:"):
        open_candidate(str(tmp_path / "m.pt"), OPTIONS)


def test_hostile_pickles_get_no_advice_to_run_them(torch_zip, tmp_path):
    shutil.copy(torch_zip(b"cos\nsystem\n(S'true'\ntR."), tmp_path / "m.pt")
    with pytest.raises(UnsafeCheckpointError) as caught:
        open_candidate(str(tmp_path / "m.pt"), OPTIONS)
    assert "torchscript:" not in str(caught.value)


def test_backend_and_precision_of_a_checkpoint(tiny):
    options = InpainterOptions(device="cpu", threads=1, backend="cuda", precision="bf16")
    fused, plain = open_candidate(str(tiny.path), options), open_candidate(str(tiny.path), OPTIONS)
    assert fused.facts == plain.facts | {"backend": "cuda", "precision": "bf16"}
    difference = np.abs(fused.inpaint(RGB, HOLE).astype(int) - plain.inpaint(RGB, HOLE))
    assert 0 < difference[HOLE > 0].mean() < 5


def test_precision_that_the_default_backend_has_not(tiny):
    with pytest.raises(LamaDeployError, match="the torch backend has no option 'precision'"):
        open_candidate(str(tiny.path), InpainterOptions(device="cpu", precision="fp16"))
