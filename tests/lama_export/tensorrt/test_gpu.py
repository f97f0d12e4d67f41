"""Engines on a real GPU, of TensorRT where it is installed, else of TensorRT-RTX.

The export itself runs its engine at the corners of the profiles and between them, and fails outside the tolerance.
"""

import importlib.util
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pytest
import torch

from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.images.scenes import scene
from lama_deploy.native.build import library_path
from lama_deploy.runtime import Inpainter
from lama_deploy.tensorrt.modules import FLAVOURS
from lama_export import ExportOptions, export_bundle
from lama_export.engine_options import Batch, EngineOptions, Profile
from lama_export.options import Precision, Target

pytestmark = pytest.mark.gpu
INSTALLED = [target for target, flavour in FLAVOURS.items() if importlib.util.find_spec(flavour.module)]


def export(folder: Path, precision: Precision, spectral: str) -> Path:
    """A bundle of lama-demo for this machine's GPU, two profiles, batches."""
    if not INSTALLED:
        pytest.skip("neither TensorRT nor TensorRT-RTX is installed")
    major, minor = torch.cuda.get_device_capability()
    engine = EngineOptions(
        profiles=[Profile.parse("64:128:256"), Profile.parse("256:512:512")],
        batch=Batch.parse("1:1:2"),
        compute_capabilities=[f"{major}.{minor}"] if INSTALLED[0] == "trt-rtx" else (),
    )
    options = ExportOptions(
        target=cast(Target, INSTALLED[0]),
        precision=precision,
        spectral=spectral,  # type: ignore[arg-type]
        engine=engine,
    )
    export_bundle(load_weights("lama-demo"), folder / "bundle", options)
    return folder / "bundle"


@pytest.mark.parametrize("spectral", ["plugin", "inline"])
@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_engines_are_proven_where_they_are_built(precision: Precision, spectral: str, tmp_path: Path) -> None:
    record = load_bundle(export(tmp_path, precision, spectral)).engine
    assert record["executed"] and record["spectral"] == spectral
    assert record["parity"]["passed"] and len(record["parity"]["cases"]) > 6


def test_the_plugin_in_python_runs_too(tmp_path: Path) -> None:
    """In a process of its own, which can hold one SpectralConv."""
    if not INSTALLED:
        pytest.skip("neither TensorRT nor TensorRT-RTX is installed")
    major, minor = torch.cuda.get_device_capability()
    command = [sys.executable, "-m", "lama_export.cli", "--weights", "lama-demo", "--to", INSTALLED[0], "--fp16"]
    command += ["--plugin", str(library_path(f"{major}{minor}")), "--profile", "64:128:256", "--out", "out"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    record = load_bundle(tmp_path / "out").engine
    assert record["plugin"]["kind"] == "python" and record["executed"] and record["parity"]["passed"]


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return export(tmp_path_factory.mktemp("engines"), "fp16", "plugin")


def test_shapes_in_turn_and_again_give_the_same_bytes(bundle: Path) -> None:
    """First runs, captures, replays, other profiles in between, padded and split pictures."""
    inpaint = Inpainter.load(bundle, graphs=2)
    sizes = [(64, 64), (101, 203), (256, 256), (509, 331), (37, 700), (101, 203)]
    scenes = [scene(*size) for size in sizes]
    first = [inpaint.run(*one) for one in scenes]
    for _ in range(3):
        for one, expected in zip(scenes, first, strict=True):
            np.testing.assert_array_equal(inpaint.run(*one), expected)


def on_torch(array: np.ndarray) -> Any:
    return torch.from_numpy(array).permute(0, 3, 1, 2).cuda() if array.ndim == 4 else torch.from_numpy(array).cuda()


def on_cupy(array: np.ndarray) -> Any:
    return pytest.importorskip("cupy").asarray(array)


def on_pycuda(array: np.ndarray) -> Any:
    pytest.importorskip("pycuda.autoprimaryctx")  # the context that torch has too
    return pytest.importorskip("pycuda.gpuarray").to_gpu(array)


@pytest.mark.parametrize("graphs", [8, 0])
@pytest.mark.parametrize("place", [on_torch, on_cupy, on_pycuda])
def test_arrays_of_other_libraries_stay_on_the_gpu(place: Any, graphs: int, bundle: Path) -> None:
    images, masks = scene(120, 200, 2)
    inpaint = Inpainter.load(bundle, graphs=graphs)
    expected = inpaint.run(images, masks)
    given = place(images), place(masks)
    for _ in range(3):
        result = inpaint(*given)
        assert type(result) is type(given[0])
        found = result.permute(0, 2, 3, 1).cpu().numpy() if isinstance(result, torch.Tensor) else result.get()
        np.testing.assert_array_equal(found, expected)


def test_a_context_of_pycudas_own_is_computed_in(bundle: Path) -> None:
    driver = pytest.importorskip("pycuda.driver")
    gpuarray = pytest.importorskip("pycuda.gpuarray")
    driver.init()
    context = driver.Device(0).make_context()
    try:
        images, masks = scene(120, 200)
        inpaint = Inpainter.load(bundle)
        expected = inpaint.run(images, masks)
        result = inpaint(gpuarray.to_gpu(images), gpuarray.to_gpu(masks))
        np.testing.assert_array_equal(result.get(), expected)
        del inpaint, result
    finally:
        context.pop()


def test_the_callers_stream_is_followed(bundle: Path) -> None:
    """The image is in the making when it is given."""
    images, masks = scene(200, 248)
    inpaint = Inpainter.load(bundle)
    expected = inpaint.run(images, masks)
    image, mask = on_torch(images), on_torch(masks)
    busy, stream = torch.rand(4096, 4096, device="cuda"), torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(20):
            busy = busy @ busy
        late = image + (busy.sum() * 0).nan_to_num(0).to(torch.uint8)
        result = inpaint(late, mask).clone()
    stream.synchronize()
    np.testing.assert_array_equal(result.permute(0, 2, 3, 1).cpu().numpy(), expected)
