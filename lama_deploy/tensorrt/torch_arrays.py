"""torch tensors on a GPU <-> what an engine takes, by torch's own operators on the current stream."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor

from lama_deploy.errors import ImageError
from lama_deploy.tensorrt.cuda_driver import LEGACY_STREAM


@contextmanager
def current_stream(stream: int, device: torch.device) -> Iterator[None]:
    """torch's current stream is that of the CUstream, and its work comes after what the one before holds."""
    before = torch.cuda.current_stream(device)
    if (before.cuda_stream or LEGACY_STREAM) == stream:
        yield
        return
    external: Callable[..., torch.cuda.Stream] = torch.cuda.ExternalStream
    chosen = torch.cuda.default_stream(device) if stream == LEGACY_STREAM else external(stream, device)
    chosen.wait_stream(before)
    with torch.cuda.stream(chosen):
        yield


def used_here(*tensors: Tensor) -> None:
    """Memory of theirs that is freed is given to nobody before the current stream has done what it then holds."""
    for tensor in tensors:
        tensor.record_stream(torch.cuda.current_stream(tensor.device))


def call_arguments(image: Tensor, mask: Tensor, io: str) -> tuple[Tensor, Tensor, Callable[[Tensor], Tensor]]:
    """(image, mask, restore) for `device_arrays.DeviceCall`; shapes and dtypes as there.

    A channels_last image of bytes is not copied. restore: the engine's result -> uint8 of the caller's shape, known
    pixels as they were. Raises ImageError.
    """
    image = image.detach()
    if (
        image.ndim not in (3, 4)
        or image.shape[-3] != 3
        or not (image.dtype == torch.uint8 or image.is_floating_point())
    ):
        raise ImageError(
            f"a torch image is {image.dtype} {tuple(image.shape)}; allowed: (3, H, W) or (N, 3, H, W), uint8 or floats "
            "in [0, 1]"
        )
    if mask.device != image.device:
        raise ImageError(f"the image is on {image.device}, the mask on {mask.device}; give both on one device")
    batch = image if image.ndim == 4 else image[None]
    hole = _hole(mask, batch)
    as_bytes = batch if batch.dtype == torch.uint8 else (batch * 255).round().clamp(0, 255).to(torch.uint8)

    def restore(result: Tensor) -> Tensor:
        planes = result.permute(0, 3, 1, 2) if io == "uint8" else (result * 255).clamp(0, 255).to(torch.uint8)
        filled = planes if io == "uint8" else torch.where(hole, planes, as_bytes)
        return filled if image.ndim == 4 else filled[0]

    if io == "uint8":
        return as_bytes.permute(0, 2, 3, 1).contiguous(), hole[:, 0].to(torch.uint8).contiguous(), restore
    unit = as_bytes.float() / 255
    return unit.contiguous(), hole.float().contiguous(), restore


def _hole(mask: Tensor, batch: Tensor) -> Tensor:
    """(N, 1, H, W) bool."""
    n, _, h, w = batch.shape
    if tuple(mask.shape) not in ((h, w), (1, h, w), (1, 1, h, w), (n, 1, h, w)):
        raise ImageError(
            f"the mask has shape {tuple(mask.shape)}; allowed with this image: ({h}, {w}), (1, {h}, {w}) or "
            f"({n}, 1, {h}, {w})"
        )
    return (mask != 0).reshape(-1, 1, h, w).expand(n, -1, -1, -1)
