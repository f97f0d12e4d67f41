"""lama::spectral_conv on an NVIDIA GPU: its values against float64, whatever the input, the thread and the stream.

float64 comes from the GPU too, once for each size and dtype.
"""

import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache

import pytest
import torch
from torch import Tensor

from lama_deploy.errors import KernelError
from lama_deploy.native.op import by_torch_fft, spectral_conv
from tests.lama_deploy.native.unit_tolerance import MEMORY_FORMATS, assert_within_tolerance, unit_parameters

pytestmark = pytest.mark.gpu
CHANNELS = 16
LAMA_CHANNELS = 192  # with fewer, one stage of the mixing holds them all
SIZES = [(side, side) for side in (16, 31, 32, 64, 67, 85, 97, 127, 128, 251, 256, 512)] + [(85, 67), (1, 64), (64, 1)]
BACKENDS = ("cufft", "tensor_core", "auto")
KERNELS = ("cufft", "tensor_core")
HALF = (torch.float16, torch.bfloat16)
DTYPES = (torch.float32, *HALF)


@pytest.fixture(autouse=True)
def poisoned() -> Iterator[None]:
    """torch.empty gives NaN, and bytes of 255, which are NaN too: outputs and workspaces are never clean."""
    torch.use_deterministic_algorithms(True, warn_only=True)  # cuBLAS would be refused
    yield
    torch.use_deterministic_algorithms(False)


def random_tensor(*shape: int, dtype: torch.dtype, seed: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed)).to("cuda", dtype)


def exact(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None = None) -> Tensor:
    """In float64 by complex-to-complex along the height, as test_spectral.py holds it to NumPy."""
    return by_torch_fft(x.double(), weight.double(), bias.double(), None if residual is None else residual.double())


@dataclass(frozen=True)
class Unit:
    """exact and exact_sum: what float64 makes of x, without and with the residual."""

    x: Tensor
    residual: Tensor
    parameters: tuple[Tensor, Tensor]
    exact: Tensor
    exact_sum: Tensor

    def check(self, memory_format: torch.memory_format, backend: str) -> None:
        x = self.x.contiguous(memory_format=memory_format)
        for added, expected in ((None, self.exact), (self.residual, self.exact_sum)):
            y = spectral_conv(x, *self.parameters, residual=added, backend=backend)
            assert (y.dtype, y.stride()) == (x.dtype, x.stride())
            assert_within_tolerance(y, expected)


@lru_cache(maxsize=4)  # tests of one size and dtype follow one another
def unit(channels: int, batch: int, h: int, w: int, dtype: torch.dtype) -> Unit:
    x, residual = random_tensor(2, batch, channels, h, w, dtype=dtype)
    parameters = unit_parameters(channels, dtype, "cuda")
    expected = exact(x, *parameters)
    return Unit(x, residual, parameters, expected, expected + residual.double())


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("h", "w"), SIZES)
def test_every_backend_computes_the_definition(
    h: int, w: int, dtype: torch.dtype, memory_format: torch.memory_format, backend: str
) -> None:
    if backend == "tensor_core" and dtype not in HALF:
        pytest.skip("tensor cores are for the half types")
    unit(CHANNELS, 2, h, w, dtype).check(memory_format, backend)


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("backend", KERNELS)
@pytest.mark.parametrize("dtype", HALF)
@pytest.mark.parametrize(("h", "w"), [(64, 64), (85, 67), (256, 256)])
def test_the_channels_of_lama(
    h: int, w: int, dtype: torch.dtype, memory_format: torch.memory_format, backend: str
) -> None:
    unit(LAMA_CHANNELS, 1, h, w, dtype).check(memory_format, backend)


@pytest.mark.parametrize("sides", [(512, 352, 512), (1024, 800, 1024), (32, 703, 704, 32)], ids=str)
@pytest.mark.parametrize("backend", KERNELS)
def test_a_plan_takes_nothing_from_an_earlier_one(sides: tuple[int, ...], backend: str) -> None:
    """Kernels are shared by plans, and so is what is set for a kernel."""
    for side in sides:
        unit(CHANNELS, 1, side, 24, torch.float16).check(torch.channels_last, backend)
        unit(CHANNELS, 1, 24, side, torch.float16).check(torch.channels_last, backend)


@pytest.mark.parametrize("backend", KERNELS)
def test_a_side_stream_right_after_the_first_call(backend: str) -> None:
    """What the first call of a size prepares is there for streams that wait for nothing."""
    for width in range(130, 150):  # met in no other test
        made = unit(CHANNELS, 1, 41, width, torch.float16)
        torch.cuda.synchronize()
        spectral_conv(made.x, *made.parameters, backend=backend)
        with torch.cuda.stream(torch.cuda.Stream()):
            y = spectral_conv(made.x, *made.parameters, backend=backend)
        torch.cuda.synchronize()
        assert_within_tolerance(y, made.exact)


def adversarial(name: str, h: int, w: int, dtype: torch.dtype) -> Tensor:
    """8188 is an eighth of float16's largest number."""
    noise = random_tensor(1, CHANNELS, h, w, dtype=torch.float32)
    rows, columns = torch.arange(h, device="cuda")[:, None], torch.arange(w, device="cuda")
    made = {
        "constant": torch.full_like(noise, 3.0),
        "one frequency": torch.cos(2 * torch.pi * (3 * rows / h + 5 * columns / w)).expand_as(noise),
        "mean 1000 times the rest": noise / 10 + 100,
        "zero": torch.zeros_like(noise),
        "largest constant": torch.full_like(noise, 8188),
        "largest impulse": ((rows == h // 3) & (columns == w // 2)) * torch.full_like(noise, 8188),
    }
    return made[name].to(dtype)


@pytest.mark.parametrize(
    "name",
    ["constant", "one frequency", "mean 1000 times the rest", "zero", "largest constant", "largest impulse"],
)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize(("h", "w"), [(64, 64), (67, 85)])
def test_adversarial_inputs(name: str, dtype: torch.dtype, h: int, w: int) -> None:
    x, parameters = adversarial(name, h, w, dtype), unit_parameters(CHANNELS, dtype, "cuda")
    expected = exact(x, *parameters)
    assert expected.abs().max() < torch.finfo(torch.float16).max
    for backend in KERNELS if dtype in HALF else ("cufft",):
        assert_within_tolerance(spectral_conv(x, *parameters, backend=backend), expected)


def test_a_float32_tensor_is_refused_by_tensor_cores() -> None:
    x, parameters = random_tensor(1, 8, 4, 4, dtype=torch.float32), unit_parameters(8, torch.float32, "cuda")
    with pytest.raises(KernelError, match="float32"):
        spectral_conv(x, *parameters, backend="tensor_core")


def test_auto_finds_the_library(caplog: pytest.LogCaptureFixture) -> None:
    x, parameters = random_tensor(1, 8, 4, 4, dtype=torch.float16), unit_parameters(8, torch.float16, "cuda")
    with caplog.at_level(logging.WARNING):
        spectral_conv(x, *parameters)
    assert not [message for message in caplog.messages if "no kernel of liblama_spectral" in message]


@pytest.mark.parametrize("dtype", [*DTYPES, torch.float64])
def test_torch_on_cuda_computes_the_definition(dtype: torch.dtype) -> None:
    x, parameters = random_tensor(2, CHANNELS, 67, 85, dtype=dtype), unit_parameters(CHANNELS, dtype, "cuda")
    expected = by_torch_fft(*(t.double().cpu() for t in (x, *parameters)), None).to("cuda")
    assert_within_tolerance(spectral_conv(x, *parameters, backend="torch"), expected)


def _check_on_a_stream(thread: int, backend: str) -> None:
    """Thirty runs on one of four streams, in sizes of this thread and of others'."""
    stream = torch.cuda.Stream(priority=-(thread % 2))
    with torch.cuda.stream(stream), torch.inference_mode():
        for run in range(30):
            h, w = 33 + run % 3, 40 + (thread + run) % 4
            x = random_tensor(1, CHANNELS, h, w, dtype=torch.float16, seed=100 * thread + run)
            parameters = unit_parameters(CHANNELS, torch.float16, "cuda", seed=thread)
            y = spectral_conv(x, *parameters, residual=x, backend=backend)
            assert_within_tolerance(y, exact(x, *parameters, x))


@pytest.mark.parametrize("backend", KERNELS)
def test_threads_and_streams_do_not_disturb_each_other(backend: str) -> None:
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(_check_on_a_stream, range(8), [backend] * 8))


@pytest.mark.parametrize("backend", KERNELS)
def test_a_cuda_graph_replays_new_inputs(backend: str) -> None:
    x = random_tensor(1, CHANNELS, 45, 38, dtype=torch.float16)
    parameters = unit_parameters(CHANNELS, torch.float16, "cuda")
    spectral_conv(x, *parameters, backend=backend)
    torch.cuda.synchronize()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        y = spectral_conv(x, *parameters, residual=x, backend=backend)
    for seed in (1, 2, 3):
        x.copy_(random_tensor(*x.shape, dtype=x.dtype, seed=seed))
        y.fill_(torch.nan)
        graph.replay()
        assert_within_tolerance(y, exact(x, *parameters, x))


def test_a_capture_without_a_plan_says_to_run_once() -> None:
    x, parameters = random_tensor(1, 8, 23, 29, dtype=torch.float16), unit_parameters(8, torch.float16, "cuda")
    with pytest.raises(KernelError, match="before capturing"), torch.cuda.graph(torch.cuda.CUDAGraph()):
        spectral_conv(x, *parameters, backend="cufft")


@pytest.mark.alone
@pytest.mark.parametrize("backend", KERNELS)
def test_ten_thousand_runs_keep_no_memory(backend: str) -> None:
    x, parameters = (
        random_tensor(1, CHANNELS, 32, 31, dtype=torch.float16),
        unit_parameters(CHANNELS, torch.float16, "cuda"),
    )
    for run in range(10_100):
        spectral_conv(x, *parameters, backend=backend)
        if run == 100:
            torch.cuda.synchronize()
            before = torch.cuda.memory_allocated(), torch.cuda.mem_get_info()[0]
    torch.cuda.synchronize()
    assert (torch.cuda.memory_allocated(), torch.cuda.mem_get_info()[0]) == before


@pytest.mark.alone
@pytest.mark.parametrize("backend", KERNELS)
def test_plans_that_were_dropped_give_their_memory_back(backend: str) -> None:
    """Twice the cache's capacity of sizes, twice: the second round needs no more than the first."""
    parameters, free = unit_parameters(CHANNELS, torch.float16, "cuda"), []
    for _ in range(2):
        for width in range(16, 16 + 128):
            spectral_conv(random_tensor(1, CHANNELS, 64, width, dtype=torch.float16), *parameters, backend=backend)
        torch.cuda.synchronize()
        torch.cuda.empty_cache()
        free.append(torch.cuda.mem_get_info()[0])
    assert free[1] >= free[0] - 2**21
