"""A tiny seeded generator as checkpoint and bundles, files made by hand, an emulated GPU for engines."""

import gc
import struct
import zipfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest

import lama_deploy.runtime.backends.tensorrt as tensorrt_backend
import lama_deploy.tensorrt.engine as tensorrt_engine
from lama_deploy.cache import CACHE_VARIABLE
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.precision import fp16_weights as half_scales
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export import ExportOptions, export_bundle
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_machine import Machine
from tests.lama_deploy.tensorrt.emulated_tensorrt import emulated_module

TINY = GeneratorConfig(width=8, blocks=1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Loaded from the .safetensors file at its `path`."""
    path = tmp_path_factory.mktemp("weights") / "tiny.safetensors"
    state = {key: tensor.numpy() for key, tensor in seeded_generator(TINY).state_dict().items()}
    save_checkpoint(path, TINY, state)
    return load_checkpoint(path)


@pytest.fixture(scope="session")
def bundles(tiny: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """Bundle directories of the tiny generator by their interface; not to be written to."""
    folder = tmp_path_factory.mktemp("bundles")
    for io in ("uint8", "float"):
        export_bundle(tiny, folder / io, ExportOptions(io=io, parity_subjects=(Size(40, 48),)))
    return {io: folder / io for io in ("uint8", "float")}


@pytest.fixture(scope="session")
def openvino_bundles(tiny: Checkpoint, tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Path]:
    """OpenVINO bundles of the tiny generator by their precision, with bytes at the interface; not to be written to."""
    folder = tmp_path_factory.mktemp("openvino")
    for precision in ("fp32", "bf16"):
        options = ExportOptions(target="openvino", precision=precision, parity_subjects=(Size(40, 48),))
        export_bundle(tiny, folder / precision, options)
    return {precision: folder / precision for precision in ("fp32", "bf16")}


@pytest.fixture
def torch_zip(tmp_path: Path) -> Callable[..., Path]:
    """Writes a torch archive around a pickle: (pickle, {storage key: bytes}) -> its path."""

    def write(pickled: bytes, storages: Mapping[str, bytes] | None = None) -> Path:
        path = tmp_path / "by_hand.ckpt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", pickled)
            for key, data in (storages or {}).items():
                archive.writestr(f"archive/data/{key}", data)
        return path

    return write


@pytest.fixture(scope="module")
def small_calibration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Two small pictures instead of nine large ones, and a cache of their own for what is measured on them."""
    images, masks = scene(96, 128, 2, seed=9)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(CACHE_VARIABLE, str(tmp_path_factory.mktemp("scales")))
        patch.setattr(half_scales, "CalibrationSet", lambda: list(zip(images, masks, strict=True)))
        yield


@pytest.fixture
def machine(
    request: pytest.FixtureRequest, bundles: Mapping[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Machine]:
    """Its TensorRT is TensorRT-RTX where the parameter is "rtx"."""
    driver = EmulatedDriver()
    trt = emulated_module(driver, rtx=getattr(request, "param", "trt") == "rtx")
    monkeypatch.setattr(tensorrt_backend, "driver", driver)
    monkeypatch.setattr(tensorrt_engine, "open_tensorrt", lambda target: trt)
    yield Machine(driver, trt, bundles, tmp_path)
    gc.collect()
    assert not trt.faults


@pytest.fixture(scope="session")
def icc_profile() -> Callable[[bytes], bytes]:
    """Smallest ICC profile of a colour space; b"CMYK" turns every ink but black into grey, without its hue."""

    def build(space: bytes) -> bytes:
        body = _ink_to_grey() if space == b"CMYK" else b""
        tags = struct.pack(">I4sII", 1, b"A2B0", 144, len(body)) if body else struct.pack(">I", 0)
        size = 128 + len(tags) + len(body)
        head = struct.pack(">I4sI4s4s4s12x4s", size, b"lcms", 0x02400000, b"prtr", space, b"Lab ", b"acsp")
        return (head + bytes(28) + struct.pack(">3I", 0xF6D6, 0x10000, 0xD32D)).ljust(128, b"\0") + tags + body

    return build


def _ink_to_grey() -> bytes:
    """A `mft1` table with two points per ink: L is 255 less 60 for each of C, M, Y, and 0 under black."""
    inks = np.moveaxis(np.indices((2, 2, 2, 2)), 0, -1).reshape(-1, 4)
    lightness = np.where(inks[:, 3], 0, 255 - 60 * inks[:, :3].sum(axis=1))
    table = b"".join(bytes([value, 128, 128]) for value in lightness.tolist())
    identity = bytes(range(256))
    matrix = struct.pack(">9i", *np.eye(3, dtype=int).ravel() * 65536)
    return b"mft1\0\0\0\0" + bytes([4, 3, 2, 0]) + matrix + identity * 4 + table + identity * 3
