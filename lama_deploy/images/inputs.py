"""Images and masks as callers hold them (PIL, NumPy, torch) <-> the bytes that backends take."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError
from lama_deploy.images.pixel_modes import holes_of, rgb_of

Restore = Callable[[Array], Any]
CUDA_DEVICES = (2, 13)  # DLPack's kDLCUDA, kDLCUDAManaged


def pixels_of(image: Any) -> tuple[Array, Restore]:
    """(N, H, W, 3) uint8, and the function that gives a result of that shape the caller's kind and layout back.

    PIL: any mode. NumPy: (H, W), (H, W, 1), (H, W, 3), (H, W, 4: alpha is left out) or (N, H, W, 3). torch: (3, H, W)
    or (N, 3, H, W). dtypes: uint8, uint16, bool, or floats in [0, 1]. Raises ImageError for anything else.
    """
    if isinstance(image, Image.Image):
        return rgb_of(image)[None], lambda result: Image.fromarray(result[0])
    if is_torch(image):
        if image.ndim not in (3, 4) or image.shape[-3] != 3:
            raise ImageError(f"a torch image has shape {tuple(image.shape)}; allowed: (3, H, W) or (N, 3, H, W)")
        array = np.moveaxis(image.detach().cpu().numpy(), -3, -1)
        return _checked(np.atleast_3d(array)), _torch_restore(image)
    if is_on_device(image):
        raise ImageError(
            f"a {type(image).__name__} is on the GPU; copy it to the host, or run a bundle of --to trt, which takes it"
        )
    array = np.asarray(image)
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 1):
        array = np.repeat(array.reshape(*array.shape[:2], 1), 3, axis=2)
    if array.ndim == 3 and array.shape[-1] == 4:
        array = array[..., :3]
    if array.ndim not in (3, 4) or array.shape[-1] != 3:
        raise ImageError(f"a NumPy image has shape {array.shape}; allowed: (H, W, 3), (N, H, W, 3) or grey (H, W)")
    batched = array.ndim == 4
    return _checked(array), lambda result: result if batched else result[0]


def mask_of(mask: Any, size: tuple[int, ...] | None = None) -> Array:
    """(N, H, W) uint8, 1 in the hole: any nonzero pixel. NumPy: (H, W), (H, W, 1), (H, W, 3), (N, H, W[, 1]).

    torch: (H, W), (1, H, W) or (N, 1, H, W). PIL: any mode. `size` is the image's (H, W): it tells a batch of images
    1 or 3 pixels wide from channels. Raises ImageError for other shapes and for NaN.
    """
    if isinstance(mask, Image.Image):
        return holes_of(mask)[None]
    torch_mask = is_torch(mask)
    if is_on_device(mask) and not torch_mask:
        raise ImageError(
            f"the mask, a {type(mask).__name__}, is on the GPU, and the image is not; give both on one side"
        )
    array = mask.detach().cpu().numpy() if torch_mask else np.asarray(mask)
    if array.dtype.kind not in "buif":
        raise ImageError(f"a mask has dtype {array.dtype}; allowed: bool, integers, floats")
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ImageError("the mask has NaN; allowed: 0 for known pixels, anything else for the hole")
    if torch_mask and array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    elif not torch_mask and array.ndim >= 3 and array.shape[-1] in (1, 3) and array.shape[1:] != size:
        array = array.any(axis=-1)
    if array.ndim not in (2, 3) or 0 in array.shape:
        raise ImageError(f"a mask has shape {tuple(np.shape(mask))}; allowed: (H, W), or (N, H, W) for a batch")
    holes: Array = (array != 0).astype(np.uint8)
    return holes.reshape(-1, *holes.shape[-2:])


def is_on_device(array: Any) -> bool:
    """Whether it lies on an NVIDIA GPU. Looks at nothing but what it says of itself."""
    if is_torch(array):
        return bool(array.is_cuda)
    if hasattr(array, "__cuda_array_interface__"):
        return True
    device = getattr(array, "__dlpack_device__", None)
    return device is not None and int(device()[0]) in CUDA_DEVICES


def is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


def _checked(array: Array) -> Array:
    """uint8 (N, H, W, 3) from any allowed dtype."""
    if 0 in array.shape:
        raise ImageError(f"an image has shape {array.shape}; it needs at least one pixel")
    array = array if array.ndim == 4 else array[None]
    if array.dtype == np.uint8:
        return np.ascontiguousarray(array)
    if array.dtype == np.bool_:
        return array.astype(np.uint8) * np.uint8(255)
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8)
    if array.dtype.kind != "f":
        raise ImageError(f"an image has dtype {array.dtype}; allowed: uint8, uint16, bool, or floats in [0, 1]")
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise ImageError("a float image must lie in [0, 1] and have no NaN; divide by 255 or convert to uint8")
    return np.rint(array * 255).astype(np.uint8)


def _torch_restore(like: Any) -> Restore:
    def restore(result: Array) -> Any:
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(result, -1, 1))).to(like.device)
        return tensor if like.ndim == 4 else tensor[0]

    return restore
