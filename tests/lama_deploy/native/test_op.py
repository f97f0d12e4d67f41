"""lama::spectral_conv on the CPU: by torch.fft, and by the library that runs the CUDA kernels on the CPU."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from torch import Tensor

from lama_deploy.errors import KernelError
from lama_deploy.native import loaded, op, plans
from lama_deploy.native.library import Description, SpectralLibrary
from lama_deploy.native.op import spectral_conv
from lama_deploy.spectral import spectral_conv_reference
from tests.lama_deploy.native.unit_tolerance import (
    MEMORY_FORMATS,
    TOLERANCE,
    assert_within_tolerance,
    unit_parameters,
)

SIZES = [(1, 1), (1, 9), (9, 1), (7, 10), (13, 11), (16, 15), (31, 17)]
DTYPES = list(TOLERANCE)


def unit(h: int, w: int, dtype: torch.dtype, channels: int = 3) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """x, weight, bias, residual."""
    x, residual = torch.randn(2, 2, channels, h, w, generator=torch.Generator().manual_seed(h * 100 + w)).to(dtype)
    return x, *unit_parameters(channels, dtype), residual


def exact(x: Tensor, weight: Tensor, bias: Tensor, residual: Tensor | None) -> Tensor:
    added = 0 if residual is None else residual.double()
    arrays = (t.double().contiguous().numpy() for t in (x, weight.flatten(1), bias))
    return torch.from_numpy(spectral_conv_reference(*arrays)) + added


@pytest.mark.parametrize(("h", "w"), SIZES)
@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("with_residual", [False, True])
def test_the_cpu_computes_the_definition(
    h: int, w: int, dtype: torch.dtype, memory_format: torch.memory_format, with_residual: bool
) -> None:
    x, weight, bias, residual = unit(h, w, dtype)
    x, added = x.contiguous(memory_format=memory_format), residual if with_residual else None
    y = spectral_conv(x, weight, bias, residual=added)
    assert (y.dtype, y.stride()) == (dtype, x.stride())
    assert_within_tolerance(y, exact(x, weight, bias, added))
    torch.testing.assert_close(spectral_conv(x, weight[..., None, None], bias, residual=added), y, rtol=0, atol=0)


@pytest.fixture(scope="module")
def library(emulated_library: Path) -> SpectralLibrary:
    return SpectralLibrary(emulated_library)


@pytest.fixture
def poisoned() -> Iterator[None]:
    """torch.empty gives NaN, and bytes of 255, which are NaN too."""
    torch.use_deterministic_algorithms(True)
    yield
    torch.use_deterministic_algorithms(False)


@pytest.mark.usefixtures("poisoned")
@pytest.mark.parametrize(("h", "w"), SIZES)
@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize(
    ("backend", "dtype"),
    [
        ("cufft", torch.float32),
        ("cufft", torch.float16),
        ("cufft", torch.bfloat16),
        ("tensor_core", torch.float16),
        ("tensor_core", torch.bfloat16),
    ],
)
def test_the_kernels_compute_the_definition(
    library: SpectralLibrary, h: int, w: int, memory_format: torch.memory_format, backend: str, dtype: torch.dtype
) -> None:
    x, weight, bias, residual = unit(h, w, dtype, channels=8)
    x = x.contiguous(memory_format=memory_format)
    for added in (None, residual):
        y = plans.run_on_library(library, plans.PlanCache(), x, weight, bias, added, backend)
        assert (y.dtype, y.stride()) == (dtype, x.stride())
        assert_within_tolerance(y, exact(x, weight, bias, added))


def views(x: Tensor) -> dict[str, Tensor]:
    """Tensors of x's values whose memory is laid out in other ways."""
    wide = torch.cat((x, x), dim=1).contiguous(memory_format=torch.channels_last)
    shifted = torch.empty(x.numel() + 1, dtype=x.dtype)[1:].view(x.shape).copy_(x)
    return {
        "channels of a wider channels-last tensor": wide[:, : x.shape[1]],
        "transposed": x.transpose(2, 3).contiguous().transpose(2, 3),
        "misaligned": shifted,
        "every second": x.repeat_interleave(2, dim=3)[..., ::2],
    }


@pytest.mark.parametrize("name", list(views(torch.zeros(1, 1, 1, 1))))
def test_any_view_is_taken(library: SpectralLibrary, name: str) -> None:
    x, weight, bias, residual = unit(6, 5, torch.float32, channels=8)
    expected = exact(x, weight, bias, residual)
    viewed = views(x)[name]
    y = plans.run_on_library(
        library, plans.PlanCache(), viewed, weight.t().contiguous().t(), bias, views(residual)[name], "cufft"
    )
    assert_within_tolerance(y, expected)
    assert_within_tolerance(spectral_conv(viewed, weight, bias, residual=residual), expected)
    last = name.startswith("channels of")
    assert y.is_contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)


@pytest.mark.parametrize("shape", [(2, 1, 4, 6), (2, 3, 1, 1), (1, 1, 1, 7), (2, 1, 5, 1)])
def test_ambiguous_memory_formats(library: SpectralLibrary, shape: tuple[int, ...]) -> None:
    x = torch.randn(shape).contiguous(memory_format=torch.channels_last)
    parameters = unit_parameters(shape[1], torch.float32)
    expected = exact(x, *parameters, None)
    for y in (
        spectral_conv(x, *parameters),
        plans.run_on_library(library, plans.PlanCache(), x, *parameters, None, "cufft"),
    ):
        assert y.stride() == x.stride() and y.is_contiguous(memory_format=torch.channels_last)
        assert_within_tolerance(y, expected)


@pytest.mark.parametrize("memory_format", MEMORY_FORMATS)
@pytest.mark.parametrize("with_residual", [False, True])
def test_opcheck(memory_format: torch.memory_format, with_residual: bool) -> None:
    x, weight, bias, residual = unit(6, 5, torch.float32)
    arguments = (x.contiguous(memory_format=memory_format), weight, bias, residual if with_residual else None, "auto")
    torch.library.opcheck(op.OPERATOR, arguments)


def test_fake_tensors_keep_shape_dtype_and_strides() -> None:
    with torch._subclasses.FakeTensorMode():
        x = torch.empty(2, 8, 6, 5, dtype=torch.float16, device="cuda").to(memory_format=torch.channels_last)
        parameters = [torch.empty(shape, dtype=torch.float16, device="cuda") for shape in ((16, 16), (16,))]
        y = spectral_conv(x, *parameters, backend="tensor_core")
        assert (y.shape, y.dtype, y.device, y.stride()) == (x.shape, x.dtype, x.device, x.stride())


X, WEIGHT, BIAS, RESIDUAL = unit(4, 5, torch.float32)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"x": X[0]}, r"x is of shape \(3, 4, 5\)"),
        ({"x": X[:0]}, r"x is of shape \(0, 3, 4, 5\)"),
        ({"x": X.long()}, "x is torch.int64"),
        ({"weight": WEIGHT[:, :5]}, r"weight is of shape \(6, 5\); x of 3 channels needs \(6, 6\)"),
        ({"bias": BIAS[:3]}, r"bias is of shape \(3,\)"),
        ({"residual": RESIDUAL[:1]}, "residual is of shape"),
        ({"bias": BIAS.half()}, "bias is torch.float16 on cpu, x is torch.float32 on cpu"),
        ({"weight": WEIGHT.to("meta")}, "weight is torch.float32 on meta"),
        ({"backend": "vulkan"}, "backend is 'vulkan'; choose from auto, torch, cufft, tensor_core"),
        ({"backend": "cufft"}, "backend 'cufft' needs CUDA tensors, x is on cpu"),
        ({"weight": WEIGHT.clone().requires_grad_()}, "no derivative; call it under torch.inference_mode"),
    ],
)
def test_arguments_that_do_not_fit_are_one_line(change: dict[str, object], words: str) -> None:
    arguments = {"x": X, "weight": WEIGHT, "bias": BIAS, "residual": RESIDUAL, **change}
    with pytest.raises(KernelError, match=words) as error:
        spectral_conv(**arguments)
    assert "\n" not in str(error.value)


def test_parameters_may_require_gradients_where_none_are_asked_for() -> None:
    weight = WEIGHT.clone().requires_grad_()
    with torch.no_grad():
        torch.testing.assert_close(spectral_conv(X, weight, BIAS), spectral_conv(X, WEIGHT, BIAS), rtol=0, atol=0)


def test_plans_are_kept_up_to_the_capacity(library: SpectralLibrary) -> None:
    cache, cpu = plans.PlanCache(capacity=2), torch.device("cpu")
    sizes = [Description(1, 8, 4, w) for w in (4, 5, 6)]
    first, second = (cache.get(library, cpu, size) for size in sizes[:2])
    assert cache.get(library, cpu, sizes[0]) is first
    cache.get(library, cpu, sizes[2])
    assert len(cache) == 2
    assert cache.get(library, cpu, sizes[0]) is first
    assert cache.get(library, cpu, sizes[1]) is not second
    assert second.backend == "cufft"  # dropped from the cache, still usable by who holds it


def test_auto_warns_once_where_the_library_cannot_be_had(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def missing(architecture: str) -> Path:
        asked.append(architecture)
        raise KernelError("needs nvcc")

    monkeypatch.setattr(loaded, "library_path", missing)
    monkeypatch.setattr(loaded, "_architecture", lambda device: "00")
    with caplog.at_level(logging.WARNING):
        assert loaded.library_of(X.device, required=False) is loaded.library_of(X.device, required=False) is None
    (message,) = caplog.messages
    assert message.endswith("right and perhaps slower: needs nvcc")
    assert asked == ["00"]
    with pytest.raises(KernelError, match="needs nvcc"):
        loaded.library_of(X.device, required=True)
