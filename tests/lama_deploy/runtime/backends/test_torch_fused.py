"""The fused PyTorch backend: every precision within the tolerance table, and every fault explained.

What can be is tested on the CPU, which computes in the same precisions, without graphs.
"""

import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint, save_checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import ImageError, LamaDeployError, MissingDependencyError
from lama_deploy.images.pixels import to_bytes
from lama_deploy.images.scenes import scene
from lama_deploy.model import seeded_generator
from lama_deploy.model.fused.generator import FusedGenerator
from lama_deploy.proof.parity import measure
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backends import torch_fused
from lama_deploy.runtime.backends.torch_fused import PRECISIONS, CudaBackend
from lama_deploy.variants import GeneratorConfig

SIZES = [Size(64, 64), Size(61, 85, 2), Size(104, 40)]
pytestmark = pytest.mark.usefixtures("small_calibration")
ALL = pytest.mark.parametrize("precision", PRECISIONS)


class Floats:
    """A CudaBackend whose results are not yet bytes, which would hide small errors."""

    name = "cuda"

    def __init__(self, backend: CudaBackend) -> None:
        self.backend, self.device, self.capabilities = backend, backend.device, backend.capabilities

    def run(self, images: Array, masks: Array) -> Array:
        image = torch.tensor(images).permute(0, 3, 1, 2) / 255
        return self.backend.inpaint(image, torch.tensor(masks)[:, None]).permute(0, 2, 3, 1).cpu().numpy()


@ALL
def test_demo_model_is_within_the_tolerance_table(precision: str) -> None:
    weights = load_weights("lama-demo")
    backend = Floats(CudaBackend(weights, precision=precision, device="cpu"))
    record = measure(backend, oracle(weights), SIZES, tolerance_of(precision), eager=eager(weights))
    assert record.passed, record.cases
    worst = max(case.found.largest for case in record.cases)
    assert precision == "fp32" or worst > tolerance_of("fp32").drawn.largest.least  # it is another precision indeed


@ALL
@pytest.mark.parametrize("kind", ["ffc", "regular", "dilated"])
@pytest.mark.parametrize("device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def test_every_kind_is_within_the_tolerance_table(kind: Any, precision: str, device: str, tmp_path: Path) -> None:
    config = GeneratorConfig(kind=kind, width=8, blocks=2)
    state = {key: value.numpy() for key, value in seeded_generator(config, seed=2).state_dict().items()}
    save_checkpoint(tmp_path / "w.safetensors", config, state)
    checkpoint = load_weights(tmp_path / "w.safetensors")
    backend = Floats(CudaBackend(checkpoint, precision=precision, device=device))
    record = measure(backend, oracle(checkpoint), SIZES, tolerance_of(precision), eager=eager(checkpoint))
    assert max(case.spread for case in record.cases) > 0.1
    assert record.passed, record.cases


def test_growing_branch_breaks_naive_half_precision_and_not_ours(growing: Checkpoint) -> None:
    naive = FusedGenerator(growing.config, growing.state_dict, torch.float16)
    assert not naive(torch.rand(1, 4, 96, 128)).isfinite().all()
    backend = Floats(CudaBackend(growing, precision="fp16", device="cpu"))
    record = measure(backend, oracle(growing), SIZES, tolerance_of("fp16"), eager=eager(growing))
    assert max(case.spread for case in record.cases) > 0.1
    assert record.passed, record.cases


@ALL
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (48, 40), (33, 57)], ids=str)
def test_known_pixels_keep_every_byte(tiny: Checkpoint, precision: str, size: tuple[int, int]) -> None:
    images, masks = scene(*size, 2, seed=3)
    images[masks == 0] = np.arange((masks == 0).sum() * 3, dtype=np.uint32).reshape(-1, 3) % 256
    backend = CudaBackend(tiny, precision=precision, device="cpu")
    result = backend.run(images, masks)
    assert result.dtype == np.uint8 and result.shape == images.shape
    np.testing.assert_array_equal(result[masks == 0], images[masks == 0])
    assert (result[masks > 0] != images[masks > 0]).any()
    np.testing.assert_array_equal(result, to_bytes(Floats(backend).run(images, masks)))


def test_agrees_with_the_torch_backend(tiny: Checkpoint) -> None:
    images, masks = scene(45, 61, 2, seed=4)
    fused = Inpainter.load(tiny.path, backend="cuda", device="cpu", threads=1)
    plain = Inpainter.load(tiny.path, backend="torch", device="cpu", threads=1)
    assert fused.backend.name == "cuda"
    assert np.abs(fused(images, masks).astype(int) - plain(images, masks)).max() <= 1


@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32, torch.float16, torch.float64])
def test_tensors_in_tensors_out(tiny: Checkpoint, dtype: torch.dtype) -> None:
    images, masks = scene(40, 36, 2, seed=5)
    backend = CudaBackend(tiny, device="cpu")
    image = torch.tensor(images).permute(0, 3, 1, 2)
    image = image if dtype == torch.uint8 else (image / 255).to(dtype)
    mask = torch.tensor(masks)[:1, None]
    result = backend.inpaint(image, mask)
    assert result.dtype == dtype and result.shape == image.shape
    known = (mask == 0).expand_as(image)
    assert torch.equal(result[known], image[known])
    assert not result.is_inference()  # callers may change it in place
    wanted = backend.run(images, np.broadcast_to(masks[:1], masks.shape).copy()).transpose(0, 3, 1, 2).astype(float)
    unit = result.double().numpy() / (255 if dtype == torch.uint8 else 1)
    assert np.abs(unit - wanted / 255).max() < (2 if dtype == torch.float16 else 1.1) / 255


@pytest.mark.parametrize(
    ("image", "mask", "message"),
    [
        ((1, 3, 8, 9), (1, 1, 9, 8), r"the mask is float32 (1, 1, 9, 8); allowed with this image: (1, 1, 8, 9)"),
        ((2, 3, 8, 9), (3, 1, 8, 9), r"allowed with this image: (2, 1, 8, 9) or (1, 1, 8, 9)"),
        ((3, 8, 9), (1, 1, 8, 9), r"the image is float32 (3, 8, 9); allowed: (N, 3, H, W), uint8 or floats in [0, 1]"),
        ((1, 8, 9, 3), (1, 1, 8, 9), r"the image is float32 (1, 8, 9, 3)"),
    ],
)
def test_tensors_of_other_shapes(tiny: Checkpoint, image: Any, mask: Any, message: str) -> None:
    with pytest.raises(ImageError, match=re.escape(message)):
        CudaBackend(tiny, device="cpu").inpaint(torch.zeros(image), torch.zeros(mask))


def test_tensors_of_other_dtypes(tiny: Checkpoint) -> None:
    with pytest.raises(ImageError, match="the image is int64"):
        CudaBackend(tiny, device="cpu").inpaint(torch.zeros(1, 3, 8, 9, dtype=torch.int64), torch.zeros(1, 1, 8, 9))


def test_precision_follows_the_device(tiny: Checkpoint) -> None:
    assert CudaBackend(tiny, device="cpu").capabilities.precision == "fp32"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"precision": "fp8"}, "precision 'fp8' is unknown; allowed: fp32, fp16, bf16"),
        ({"device": "tpu"}, "device 'tpu' is unknown; allowed: auto, cuda, cuda:N, cpu"),
        ({"device": "mps"}, "the cuda backend does not run on device 'mps' here"),
        ({"graphs": -1}, "graphs is -1; it must be an integer of at least 0"),
        ({"streams": 2}, "the cuda backend has no option 'streams'; allowed: device, precision, threads, graphs"),
    ],
)
def test_options_that_are_none(tiny: Checkpoint, options: dict[str, Any], message: str) -> None:
    with pytest.raises(LamaDeployError, match=re.escape(message)):
        Inpainter.load(tiny.path, backend="cuda", **{"device": "cpu", **options})


def test_precision_is_an_option_of_this_backend_alone(tiny: Checkpoint) -> None:
    with pytest.raises(LamaDeployError, match="the torch backend has no option 'precision'; allowed: device, threads"):
        Inpainter.load(tiny.path, precision="fp16")


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has CUDA")
@pytest.mark.parametrize("device", [None, "cuda", "cuda:1"])
def test_cuda_where_there_is_none(tiny: Checkpoint, device: str | None) -> None:
    with pytest.raises(MissingDependencyError, match=r"sees no CUDA device; use backend 'torch', .* or device 'cpu'"):
        CudaBackend(tiny, device=device)


# -- on a GPU ------------------------------------------------------------------------------------------------------


@pytest.mark.gpu
@ALL
@pytest.mark.parametrize("graphs", [0, 4])
def test_gpu_is_within_the_tolerance_table(precision: str, graphs: int) -> None:
    weights = load_weights("lama-demo")
    backend = Floats(CudaBackend(weights, precision=precision, graphs=graphs))
    sizes = [*SIZES, Size(512, 512), Size(509, 331), SIZES[0]]
    record = measure(backend, oracle(weights), sizes, tolerance_of(precision), eager=eager(weights))
    assert record.passed, record.cases


def test_what_a_gpu_cannot_hold_is_refused_by_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    @contextmanager
    def refusing(device: torch.device, needed: int, what: str) -> Iterator[None]:
        asked.append((device.type, needed, what))
        yield

    monkeypatch.setattr(torch_fused, "refusing", refusing)
    backend = CudaBackend(load_weights("lama-demo"), device="cpu")
    for batch in (1, 2):
        backend.run(*scene(32, 40, batch))
    bytes_of_one = 2 * 32 * 32 * 40 * 4  # two maps of 32 channels in float32
    assert asked == [("cpu", bytes_of_one, "a picture of 32x40"), ("cpu", 2 * bytes_of_one, "a batch of 2 of 32x40")]


@pytest.mark.gpu
@ALL
def test_graphs_compute_what_launches_do(precision: str) -> None:
    """Not to the bit: cuDNN may choose other algorithms for a graph."""
    weights = load_weights("lama-demo")
    replayed, launched = (CudaBackend(weights, precision=precision, graphs=graphs) for graphs in (2, 0))
    for size in (64, 96, 128, 64):  # the first is evicted and captured again
        images, masks = scene(size, size + 24, 2)
        found, wanted = (Floats(backend).run(images, masks) for backend in (replayed, launched))
        assert np.abs(found - wanted).max() <= tolerance_of(precision).drawn.largest.least
        np.testing.assert_array_equal(found, Floats(replayed).run(images, masks))


@pytest.mark.gpu
@pytest.mark.parametrize("graphs", [0, 2])
def test_four_threads_at_once(graphs: int) -> None:
    backend = CudaBackend(load_weights("lama-demo"), graphs=graphs)
    scenes = [scene(64 + 8 * (i % 3), 96, seed=i) for i in range(24)]
    wanted = [backend.run(*one) for one in scenes]
    with ThreadPoolExecutor(4) as pool:
        for _ in range(3):
            for found, alone in zip(pool.map(lambda one: backend.run(*one), scenes), wanted, strict=True):
                assert np.abs(found.astype(int) - alone).max() <= 1


@pytest.mark.gpu
def test_callers_streams_are_waited_for() -> None:
    """The input may still be in the making on the caller's stream, and the result is used there at once."""
    backend = CudaBackend(load_weights("lama-demo"), precision="fp32")
    images, masks = scene(256, 256)
    wanted = backend.run(images, masks)
    image, mask = torch.tensor(images, device="cuda").permute(0, 3, 1, 2), torch.tensor(masks, device="cuda")[:, None]
    busy = torch.rand(4096, 4096, device="cuda")
    stream = torch.cuda.Stream()
    stream.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(stream):
        for _ in range(20):
            busy = busy @ busy
        late = image + (busy.sum() * 0).nan_to_num(0).to(torch.uint8)
        result = backend.inpaint(late, mask).clone()
    stream.synchronize()
    np.testing.assert_array_equal(result.permute(0, 2, 3, 1).cpu().numpy(), wanted)


@pytest.mark.gpu
def test_memory_does_not_grow() -> None:
    backend = CudaBackend(load_weights("lama-demo"), graphs=2)
    scenes = [scene(64 + 16 * i, 96, seed=i) for i in range(4)]  # more shapes than graphs: captures go on and on

    def used(runs: int) -> int:
        for i in range(runs):
            backend.run(*scenes[i % len(scenes)])
        torch.cuda.synchronize()
        return torch.cuda.memory_reserved()

    after_some = used(40)
    assert used(200) <= after_some * 1.1
