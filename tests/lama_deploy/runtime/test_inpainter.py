"""One Inpainter for bundles, ONNX files and checkpoints: same results, known pixels kept, every fault explained."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.bundle import MANIFEST, MODEL, load_bundle
from lama_deploy.errors import BundleError, CheckpointError, ImageError, LamaDeployError, MissingDependencyError
from lama_deploy.images.pixels import to_bytes
from lama_deploy.images.scenes import scene
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.backends.onnxruntime_session import LEVELS

SOURCES = ("uint8 bundle", "float bundle", "uint8 onnx", "float onnx", "openvino bundle", "checkpoint")
BACKENDS_OF = {"openvino bundle": "openvino", "checkpoint": "torch"}
SIZES = [(48, 40, 1), (33, 57, 2), (3, 5, 1), (1, 1, 1), (1, 30, 1)]


@pytest.fixture(scope="module")
def loaded(bundles: Mapping[str, Path], openvino_bundles: Mapping[str, Path], tiny: Any) -> Mapping[str, Inpainter]:
    paths = {
        f"{io} {kind}": path / (MODEL if kind == "onnx" else "")
        for io, path in bundles.items()
        for kind in ("bundle", "onnx")
    }
    paths |= {"openvino bundle": openvino_bundles["fp32"], "checkpoint": tiny.path}
    return {name: Inpainter.load(path, threads=1) for name, path in paths.items()}


@pytest.fixture
def uint8(loaded: Mapping[str, Inpainter]) -> Inpainter:
    return loaded["uint8 bundle"]


@pytest.fixture
def copied(bundles: Mapping[str, Path], tmp_path: Path) -> Path:
    """A bundle to damage."""
    return Path(shutil.copytree(bundles["uint8"], tmp_path / "bundle"))


@pytest.mark.parametrize("source", SOURCES)
def test_backend_fits_the_source(loaded, source):
    assert loaded[source].backend.name == BACKENDS_OF.get(source, "onnxruntime")


def test_backends_declare_what_they_can(loaded):
    declared = {source: loaded[source].backend.capabilities for source in SOURCES}
    assert all(one.shapes == () and not one.on_device for one in declared.values())
    assert declared["checkpoint"].memory is not None  # the rest: `test_memory`
    assert {source: one.fixed_from for source, one in declared.items() if one.fixed_from} == {
        "openvino bundle": 4_000_000
    }
    assert (declared["checkpoint"].multiple, declared["checkpoint"].precision) == (8, "fp32")
    named = {source: one.made_for for source, one in declared.items()}
    assert named.pop("checkpoint") is None and set(named.values()) == {"fp32"}
    assert {source: loaded[source].workers for source in SOURCES if loaded[source].workers > 1} == {
        "openvino bundle": 2
    }


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize(("height", "width", "batch"), SIZES)
def test_all_sources_agree_and_keep_known_pixels(loaded, source, height, width, batch):
    images, masks = scene(height, width, batch, seed=3)
    wanted = loaded["checkpoint"](images, masks)
    result = loaded[source](images, masks)
    assert result.shape == images.shape and result.dtype == np.uint8
    assert np.abs(result.astype(int) - wanted).max() <= 1
    np.testing.assert_array_equal(result[masks == 0], images[masks == 0])
    assert (result[masks > 0] != images[masks > 0]).any()


@pytest.mark.parametrize("source", SOURCES)
def test_pixels_under_the_hole_do_not_matter(loaded, source):
    images, masks = scene(40, 40, seed=4)
    painted = np.where(masks[..., None] > 0, 255 - images, images)
    np.testing.assert_array_equal(loaded[source](painted, masks), loaded[source](images, masks))


@pytest.mark.parametrize("source", SOURCES)
def test_full_mask_hides_the_whole_image(loaded, source):
    images, _ = scene(32, 24, 2, seed=5)
    result = loaded[source](images, np.ones((32, 24), np.uint8))
    np.testing.assert_array_equal(result[0], result[1])
    assert np.abs(result.astype(int) - loaded["checkpoint"](images, np.ones((32, 24)))).max() <= 1


@pytest.mark.parametrize("source", SOURCES)
def test_one_mask_serves_a_batch(loaded, source):
    images, masks = scene(24, 40, 3, seed=6)
    result = loaded[source](images, masks[1])
    np.testing.assert_array_equal(result, loaded[source](images, masks[[1, 1, 1]]))
    np.testing.assert_array_equal(result[:, masks[1] == 0], images[:, masks[1] == 0])


@pytest.mark.parametrize("value", [1, 2, 128, 255])
def test_every_mask_value_means_hole(uint8, value):
    images, masks = scene(24, 24, seed=7)
    np.testing.assert_array_equal(uint8(images, masks * np.uint8(value)), uint8(images, masks * np.uint8(255)))


def test_empty_mask_returns_a_copy_without_running(uint8, monkeypatch):
    monkeypatch.setattr(uint8, "backend", None)
    images, masks = scene(9, 7)
    result = uint8(images, masks * 0)
    np.testing.assert_array_equal(result, images)
    assert not np.shares_memory(result, images)


@pytest.mark.parametrize("source", SOURCES)
def test_kinds_of_callers_give_the_same_pixels(loaded, source):
    images, masks = scene(20, 28, seed=8)
    wanted = loaded[source](images, masks)[0]
    photo, hole = Image.fromarray(images[0]), Image.fromarray(masks[0] * 255)
    chw = torch.from_numpy(images[0]).permute(2, 0, 1)
    for image, mask in ((photo, hole), (images[0], hole), (images[0][:, ::-1][:, ::-1], masks[0] > 0)):
        np.testing.assert_array_equal(np.asarray(loaded[source](image, mask)), wanted)
    for tensor in (chw, chw / 255, (chw / 255).half()):
        np.testing.assert_array_equal(loaded[source](tensor, torch.from_numpy(masks)).permute(1, 2, 0).numpy(), wanted)
    np.testing.assert_array_equal(loaded[source](images[0] / 255, masks[0]), wanted)


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        ((8, 9, 3), (9, 8), "the mask is 8x9, the image 9x8; both must have the same size"),
        ((2, 8, 9, 3), (3, 8, 9), r"the mask is 9x8 \(batch of 3\), the image 9x8 \(batch of 2\)"),
        ((8, 9, 3), (2, 8, 9), r"the mask is 9x8 \(batch of 2\), the image 9x8;"),
        ((8, 9, 3), (7, 9), "the mask is 9x7, the image 9x8"),
    ],
)
def test_mask_of_another_size(uint8, image, mask, message):
    with pytest.raises(ImageError, match=message):
        uint8(np.zeros(image, np.uint8), np.ones(mask, np.uint8))


@pytest.mark.parametrize("painted", [np.uint8(255), np.float32(1)])
def test_known_pixels_do_not_depend_on_the_backend(painted):
    class Painter:
        name, device, capabilities = "painter", "cpu", Capabilities()

        def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
            return np.full(images.shape, painted)

    images, masks = scene(9, 11, 2, seed=10)
    wanted = np.where(masks[..., None] > 0, np.uint8(255), images)
    np.testing.assert_array_equal(Inpainter(Painter())(images, masks), wanted)


def test_floats_are_truncated_to_bytes_as_officially():
    result = to_bytes(np.array([-0.1, 0, 99.99 / 255, 1, 1.2], np.float32))
    assert result.tolist() == [0, 0, 99, 255, 255] and result.dtype == np.uint8


@pytest.mark.parametrize("optimization", ["all", "extended", "basic", "none"])
@pytest.mark.parametrize("threads", [None, 1, 2])
def test_onnxruntime_options(bundles, loaded, optimization, threads):
    images, masks = scene(24, 32, seed=9)
    inpainter = Inpainter.load(bundles["uint8"], optimization=optimization, threads=threads, device="cpu")
    session = inpainter.backend._session
    options = session.get_session_options()
    assert options.intra_op_num_threads == (threads or 0)
    assert options.graph_optimization_level == LEVELS[optimization]
    assert session.get_providers() == ["CPUExecutionProvider"]
    assert np.abs(inpainter(images, masks).astype(int) - loaded["checkpoint"](images, masks)).max() <= 1


def test_torch_threads(tiny):
    before = torch.get_num_threads()
    try:
        Inpainter.load(tiny.path, threads=1, device="cpu")
        assert torch.get_num_threads() == 1
    finally:
        torch.set_num_threads(before)


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("source", ["bundle", "checkpoint"])
def test_cuda_where_there_is_none(bundles, tiny, source):
    with pytest.raises(MissingDependencyError, match="CUDA"):
        Inpainter.load(bundles["uint8"] if source == "bundle" else tiny.path, device="cuda")


@pytest.mark.parametrize("backend", ["onnxruntime", "torch"])
def test_backend_may_be_named(bundles, tiny, backend):
    source = tiny.path if backend == "torch" else bundles["float"]
    assert Inpainter.load(source, backend=backend).backend.name == backend


@pytest.mark.parametrize("backend", ["torch", "cuda", "tensorrt", ""])
def test_backend_that_does_not_run_a_bundle(bundles, backend):
    with pytest.raises(LamaDeployError, match=f"backend {backend!r} does not run this, 'onnxruntime' does"):
        Inpainter.load(bundles["uint8"], backend=backend)


def test_backend_that_does_not_run_a_checkpoint(tiny):
    with pytest.raises(
        LamaDeployError, match="backend 'onnxruntime' does not run this, 'torch' or 'cuda' does; it takes a bundle"
    ):
        Inpainter.load(tiny.path, backend="onnxruntime")


@pytest.mark.parametrize("backend", ["torch", "cuda"])
def test_checkpoint_that_is_loaded_already(loaded, tiny, backend):
    images, masks = scene(24, 32, seed=9)
    inpainter = Inpainter.of(tiny, backend=backend, device="cpu")
    assert inpainter.backend.name == backend
    assert np.abs(inpainter(images, masks).astype(int) - loaded["checkpoint"](images, masks)).max() <= 1


def test_loaded_checkpoint_for_another_backend(tiny):
    with pytest.raises(LamaDeployError, match="backend 'openvino' runs no checkpoint; allowed: torch, cuda"):
        Inpainter.of(tiny, backend="openvino")


@pytest.mark.parametrize("name", ["nothing", "nothing.ckpt"])
def test_source_that_does_not_exist(tmp_path, name):
    with pytest.raises(CheckpointError, match="no checkpoint there, and no name of weights"):
        Inpainter.load(tmp_path / name)


def test_source_of_a_name_too_long():
    with pytest.raises(LamaDeployError, match=r"cannot be read .*too long"):
        Inpainter.load("a" * 5000)


@pytest.mark.parametrize("device", ["\n", "nothing", "mps", "cuda:-1", "gpu", 7])
def test_devices_that_torch_has_not(tiny, device):
    with pytest.raises(
        LamaDeployError, match=r"device '.*' (is unknown; allowed: auto, cpu,|cannot be used)"
    ) as caught:
        Inpainter.load(tiny.path, device=device)
    assert "\n" not in str(caught.value) and "aten" not in str(caught.value)  # which is torch's own, of no use


def test_onnx_file_that_does_not_exist(tmp_path):
    with pytest.raises(BundleError, match=r"nothing.onnx: no such file"):
        Inpainter.load(tmp_path / "nothing.onnx")


def identity_model() -> onnx.ModelProto:
    value = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", value[:1], value[1:])
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def test_onnx_of_another_network(tmp_path):
    onnx.save(identity_model(), tmp_path / "other.onnx")
    with pytest.raises(
        BundleError, match=r"not a LaMa model of lama-export \(it has x: float32 of 1 dimensions, y: .*\); make one"
    ):
        Inpainter.load(tmp_path / "other.onnx")


@pytest.mark.parametrize("content", [b"", b"not onnx", None])
def test_damaged_onnx(copied, content):
    model = copied / MODEL
    model.write_bytes(model.read_bytes()[:-1000] if content is None else content)
    with pytest.raises(BundleError, match=r"model.onnx: (ONNX Runtime cannot open it|not a LaMa model)") as caught:
        Inpainter.load(copied, check=False)
    assert "\n" not in str(caught.value)


def with_manifest(bundle: Path, **changes: Any) -> Path:
    values = json.loads((bundle / MANIFEST).read_text()) | changes
    text = json.dumps({key: value for key, value in values.items() if value != "delete"})
    (bundle / MANIFEST).write_text(text)
    return bundle


ENTRY = {"bytes": 1, "sha256": 64 * "0"}
MANIFESTS = {
    "newer": ({"format": 2}, "format 2, but this version reads 1; export again or upgrade"),
    "no format": ({"format": "delete"}, r"damaged \(format is missing\)"),
    "no files": ({"files": "delete"}, r"damaged \(files is missing\)"),
    "files of nothing": ({"files": None}, "damaged"),
    "unknown generator": ({"generator": {"kind": "gan"}}, "damaged .*generator kind 'gan' is unknown"),
    "strange generator": ({"generator": {"hue": 1}}, "damaged .*unknown fields"),
    "no number": ({"generator": {"ratio": float("nan")}}, "damaged .*ratio nan"),
    "generator of nothing": ({"generator": None}, "damaged"),
    "missing file": ({"files": {"model.onnx": ENTRY, "model.onnx.data": ENTRY}}, "model.onnx.data is missing; export"),
    "nothing of a file": ({"files": {"model.onnx": {}}}, r"damaged \(files\.model\.onnx\.bytes is missing\)"),
    "no hash": (
        {"files": {"model.onnx": ENTRY | {"sha256": None}}},
        r"damaged \(files\.model\.onnx\.sha256 is None and must be a SHA-256",
    ),
    "deep": (
        {"generator": json.loads("[" * 900 + "]" * 900)},
        r"damaged \(generator is \[\[\[\[\.\.\..* and must be an object",
    ),
    "endless": ({"generator": {"blocks": 10**9}}, "damaged .*blocks"),
    "a huge power": ({"generator": {"downsamplings": 10**10}}, "damaged .*downsamplings"),
    "no size": ({"files": {"model.onnx": ENTRY | {"bytes": -1}}}, "bytes is -1 and must be an integer from 0"),
    "a bool": ({"files": {"model.onnx": ENTRY | {"bytes": True}}}, "bytes is True and must be"),
    "no profile": (
        {"engine": {"version": "1", "batch": {"min": 1, "opt": 1, "max": 1}, "profiles": [{"min": [1]}]}},
        r"damaged",
    ),
    "no source": ({"weights": {"sha256": 64 * "0"}}, r"damaged \(weights\.source is missing\)"),
    "lists for texts": ({"target": ["onnx"]}, r"damaged \(target is \['onnx'\] and must be 'onnx' or"),
    "no limit": ({"quantisation": {"least_psnr": float("inf")}}, "least_psnr is inf and must be a finite number"),
    "no model": ({"files": {}}, "damaged .*model.onnx is not among its files"),
}


@pytest.mark.parametrize("case", MANIFESTS)
def test_manifest_that_does_not_fit(copied, case):
    changes, message = MANIFESTS[case]
    with pytest.raises(BundleError, match=message):
        Inpainter.load(with_manifest(copied, **changes))


BROKEN = [
    "",
    "{",
    "[]",
    "null",
    "3",
    '"format"',
    "\x00",
    "[" * 10**5,
    '{"format": ' + "9" * 5000 + "}",
    '{"format": NaN}',
]


@pytest.mark.parametrize("text", BROKEN, ids=range(len(BROKEN)))
def test_manifest_that_is_no_manifest(copied, text):
    (copied / MANIFEST).write_text(text)
    with pytest.raises(
        BundleError, match=r"bundle.json: (damaged \(.*\); export the bundle again|format nan)"
    ) as caught:
        Inpainter.load(copied)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 500


def test_manifest_that_is_far_too_long(copied):
    (copied / MANIFEST).write_bytes(b" " * 5_000_000)
    with pytest.raises(BundleError, match=r"bundle.json: has more than 4000000 bytes"):
        Inpainter.load(copied)


def test_manifest_that_is_no_text(copied):
    (copied / MANIFEST).write_bytes(b"\xff\xfe\xfd")
    with pytest.raises(BundleError, match=r"bundle.json: damaged"):
        Inpainter.load(copied)


def test_bundle_without_its_model(copied):
    (copied / MODEL).unlink()
    with pytest.raises(BundleError, match=r"bundle: model.onnx is missing; export the bundle again"):
        Inpainter.load(copied)


def test_directory_that_is_no_bundle(tmp_path):
    with pytest.raises(BundleError, match=r"not a bundle \(no bundle.json\); make one with lama-export"):
        load_bundle(tmp_path)
    with pytest.raises(CheckpointError, match="no checkpoint there"):
        Inpainter.load(tmp_path)
