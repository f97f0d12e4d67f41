"""Frames by the kernel (run on the CPU here) and by PyTorch's operators are the same."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn.functional import pad

from lama_deploy.errors import KernelError
from lama_deploy.native.frames import Copies, by_torch_, inside, on_library_, update_frame_
from lama_deploy.native.library import SpectralLibrary

NHWC = torch.channels_last
CHANNELS = [(8, 24), (16, 0), (3, 5), (6, 0)]  # whole vectors, and not
ROUNDING = {torch.float32: 0.0, torch.float16: 2e-3, torch.bfloat16: 2e-2}  # PyTorch rounds the sum before it adds it


@pytest.fixture(scope="module")
def library(emulated_library: Path) -> SpectralLibrary:
    return SpectralLibrary(emulated_library)


def maps(channels: tuple[int, int], size: tuple[int, int], dtype: torch.dtype) -> tuple[list[Tensor], Tensor]:
    """Parts of a map and a bias."""
    torch.manual_seed(sum(channels))
    parts = [torch.randn(2, c, *size).to(dtype, memory_format=NHWC) for c in channels if c]
    return parts, torch.randn(sum(channels)).to(dtype)


def frame_of(channels: int, size: tuple[int, int], border: int, dtype: torch.dtype, fill: float = torch.nan) -> Tensor:
    shape = (2, channels, *(side + 2 * border for side in size))
    return torch.full(shape, fill, dtype=dtype).contiguous(memory_format=NHWC)


@pytest.mark.parametrize("border", [0, 1, 3])
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
@pytest.mark.parametrize("size", [(4, 4), (5, 9)])
def test_relu_bias_and_reflection(
    library: SpectralLibrary, border: int, channels: tuple[int, int], size: tuple[int, int]
) -> None:
    parts, bias = maps(channels, size, torch.float32)
    wanted = pad((torch.cat(parts, 1) + bias[:, None, None]).relu(), [border] * 4, mode="reflect")
    frame = frame_of(sum(channels), size, border, torch.float32)
    assert torch.equal(on_library_(library, frame, border, parts, bias, relu=True, accumulate=False), wanted)
    again = frame_of(sum(channels), size, border, torch.float32)
    assert torch.equal(by_torch_(again, border, parts, bias, relu=True, accumulate=False), wanted)


@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize("relu", [False, True])
@pytest.mark.parametrize("channels", CHANNELS, ids=str)
def test_residuals(library: SpectralLibrary, dtype: torch.dtype, relu: bool, channels: tuple[int, int]) -> None:
    parts, bias = maps(channels, (3, 6), dtype)
    frames = []
    for update in (by_torch_, lambda *given, **options: on_library_(library, *given, **options)):
        frame = frame_of(sum(channels), (3, 6), 1, dtype, fill=2.0)
        update(frame, 1, [part.clone() for part in parts], bias, relu=relu, accumulate=True)
        frames.append(frame.float())
    assert frames[0].std() > 0.5
    assert (frames[0] - frames[1]).abs().max() <= ROUNDING[dtype] * frames[0].abs().max()


def copies_of(split: int, channels: int, size: tuple[int, int], border: int, dtype: torch.dtype) -> Copies:
    return Copies(frame_of(split, size, border, dtype), frame_of(channels - split, size, 0, dtype))


@pytest.mark.parametrize("border", [0, 1, 2])
@pytest.mark.parametrize(("channels", "split"), [((8, 24), 8), ((16, 0), 8), ((3, 5), 3), ((6, 0), 1), ((8, 8), 12)])
def test_copies_are_the_frames_channels(
    library: SpectralLibrary, border: int, channels: tuple[int, int], split: int
) -> None:
    """The leading ones with their border, the others without; also where the split is in the middle of a part."""
    parts, bias = maps(channels, (3, 6), torch.float32)
    for update in (by_torch_, lambda *given, **options: on_library_(library, *given, **options)):
        frame = frame_of(sum(channels), (3, 6), border, torch.float32, fill=2.0)
        copies = copies_of(split, sum(channels), (3, 6), border, torch.float32)
        update(frame, border, [p.clone() for p in parts], bias, relu=True, accumulate=True, copies=copies)
        assert frame.std() > 0.5
        assert torch.equal(copies.leading, frame[:, :split])
        assert torch.equal(copies.rest, inside(frame, border)[:, split:])


def test_without_border_or_bias_in_place(library: SpectralLibrary) -> None:
    (x,), _ = maps((16, 0), (3, 5), torch.float32)
    wanted = x.relu()
    assert on_library_(library, x, 0, [x], None, relu=True, accumulate=False) is x
    assert torch.equal(x, wanted)


def test_a_border_that_cannot_be_reflected_is_refused(library: SpectralLibrary) -> None:
    parts, bias = maps((8, 0), (3, 5), torch.float32)
    with pytest.raises(KernelError, match="a border of 3; a map of 3 x 5 reflects at most 2 pixels"):
        on_library_(library, frame_of(8, (3, 5), 3, torch.float32), 3, parts, bias, relu=True, accumulate=False)


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ROUNDING, ids=str)
@pytest.mark.parametrize("border", [0, 1, 3])
@pytest.mark.parametrize("accumulate", [False, True])
def test_on_a_gpu(dtype: torch.dtype, border: int, accumulate: bool) -> None:
    parts, bias = maps((128, 384), (37, 64), dtype)
    wanted = frame_of(512, (37, 64), border, dtype, fill=1.0)
    by_torch_(wanted, border, [part.clone() for part in parts], bias, relu=True, accumulate=accumulate)
    frame = frame_of(512, (37, 64), border, dtype, fill=1.0 if accumulate else torch.nan).cuda()
    copies = Copies(*(part.cuda() for part in copies_of(128, 512, (37, 64), border, dtype)))
    update_frame_(frame, border, [part.cuda() for part in parts], bias.cuda(), accumulate=accumulate, copies=copies)
    assert torch.equal(copies.leading, frame[:, :128])
    assert torch.equal(copies.rest, inside(frame, border)[:, 128:])
    assert (frame.cpu().float() - wanted.float()).abs().max() <= ROUNDING[dtype] * wanted.abs().max()
    assert inside(frame, border).shape == (2, 512, 37, 64)
