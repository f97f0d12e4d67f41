"""More than a GPU has is one line, whether arithmetic or the allocator shows it. There is no GPU: torch is told."""

import re
from types import SimpleNamespace

import pytest
import torch

from lama_deploy.errors import DeviceMemoryError
from lama_deploy.native.library import KernelMemoryError
from lama_deploy.runtime.backends.gpu_memory import GIB, least_bytes, refusing
from lama_deploy.variants import VARIANTS

GPU = torch.device("cuda", 0)


@pytest.fixture(autouse=True)
def of_80_gib(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """10 GiB of it free, 6 held by PyTorch and 2 of these in use. Returns the questions that cost time."""
    asked: list[str] = []

    def free(_: torch.device) -> tuple[int, int]:
        asked.append("free")
        return 10 * GIB, 80 * GIB

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=80 * GIB))
    monkeypatch.setattr(torch.cuda, "is_current_stream_capturing", lambda: False)
    monkeypatch.setattr(torch.cuda, "mem_get_info", free)
    monkeypatch.setattr(torch.cuda, "memory_reserved", lambda _: 6 * GIB)
    monkeypatch.setattr(torch.cuda, "memory_allocated", lambda _: 2 * GIB)
    return asked


def test_what_fits_is_tried(of_80_gib: list[str]) -> None:
    with refusing(GPU, 14 * GIB, "a picture of 9000x9000"):
        pass
    assert of_80_gib == ["free"]
    with refusing(GPU, 10 * GIB, "a picture of 8000x8000"):  # an eighth: nobody asks
        pass
    assert of_80_gib == ["free"]


def test_what_cannot_fit_is_refused_untried() -> None:
    message = "a picture of 9999x9999 needs 15.0 GiB at least; cuda:0 has 14.0 GiB free; give it fewer or"
    with pytest.raises(DeviceMemoryError, match=re.escape(message)), refusing(GPU, 15 * GIB, "a picture of 9999x9999"):
        raise AssertionError("tried")


@pytest.mark.parametrize(
    "error", [torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate"), KernelMemoryError("DFT tables")]
)
def test_what_did_not_fit_is_one_line(error: Exception) -> None:
    expected = "a batch of 8 of 512x512 needed more than there was; cuda:0"
    with pytest.raises(DeviceMemoryError, match=expected) as raised, refusing(GPU, GIB, "a batch of 8 of 512x512"):
        raise error
    assert "\n" not in str(raised.value)


def test_other_errors_are_their_own() -> None:
    with pytest.raises(ZeroDivisionError), refusing(GPU, GIB, ""):
        raise ZeroDivisionError


def test_the_least_is_arithmetic() -> None:
    """64 channels of 2 bytes, twice, for each pixel."""
    assert least_bytes(VARIANTS["big-lama"], 2, 1000, 1000, 2) == 2 * 64 * 2 * 2 * 1_000_000
