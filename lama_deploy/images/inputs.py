"""Images and masks as callers hold them (PIL, NumPy, torch) <-> the bytes that backends take."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.pixel_modes import holes_of, rgb_of
from lama_deploy.process_memory import require_memory

Restore = Callable[[Array], Any]
CUDA_DEVICES = (2, 13)  # DLPack's kDLCUDA, kDLCUDAManaged
MOST_PIXELS = 2**31  # of all pictures of a call: a view may claim any number of them without having one
ALLOWED = "uint8, uint16, bool, or floats in [0, 1]"


def pixels_of(image: Any) -> tuple[Array, Restore]:
    """(N, H, W, 3) uint8, and the function that gives a result of that shape the caller's kind and layout back.

    PIL: any mode. NumPy: (H, W), (H, W, 1), (H, W, 3), (H, W, 4: alpha is left out) or (N, H, W, 3). torch: (3, H, W)
    or (N, 3, H, W). dtypes: uint8, uint16, bool, or floats in [0, 1]. Raises ImageError for anything else.
    """
    with _of_a_caller("image"):
        return _pixels_of(image)


def mask_of(mask: Any, size: tuple[int, ...] | None = None) -> Array:
    """(N, H, W) uint8, 1 in the hole: any nonzero pixel. NumPy: (H, W), (H, W, 1), (H, W, 3), (N, H, W[, 1]).

    torch: (H, W), (1, H, W) or (N, 1, H, W). PIL: any mode. `size` is the image's (H, W): it tells a batch of images
    1 or 3 pixels wide from channels. Raises ImageError for other shapes and for NaN.
    """
    with _of_a_caller("mask"):
        return _mask_of(mask, size)


def is_on_device(array: Any) -> bool:
    """Whether it lies on an NVIDIA GPU. Looks at nothing but what it says of itself."""
    if is_torch(array):
        return bool(array.is_cuda)
    try:
        if hasattr(array, "__cuda_array_interface__"):
            return True
        device = getattr(array, "__dlpack_device__", None)
        return device is not None and int(device()[0]) in CUDA_DEVICES
    except Exception:  # an object that does not know: on the host it will be refused in words
        return False


def is_torch(value: Any) -> bool:
    torch = sys.modules.get("torch")
    return torch is not None and isinstance(value, torch.Tensor)


@contextmanager
def _of_a_caller(what: str) -> Iterator[None]:
    """What goes wrong inside somebody else's object is an ImageError too."""
    try:
        yield
    except LamaDeployError:
        raise
    except Exception as error:
        raise ImageError(f"the {what} cannot be used ({type(error).__name__}: {brief(error)})") from error


def _pixels_of(image: Any) -> tuple[Array, Restore]:
    if isinstance(image, Image.Image):
        _check_size(image.size, 12)
        return rgb_of(image)[None], lambda result: Image.fromarray(result[0])
    if is_torch(image):
        if image.ndim not in (3, 4) or image.shape[-3] != 3:
            raise ImageError(f"a torch image has shape {_shape(image)}; allowed: (3, H, W) or (N, 3, H, W)")
        array = np.moveaxis(_on_host(image, "image"), -3, -1)
        return _checked(np.atleast_3d(array)), _torch_restore(image)
    if is_on_device(image):
        raise ImageError(
            f"a {type(image).__name__} is on the GPU; copy it to the host, or run a bundle of --to trt, which takes it"
        )
    array = _array(image, "image")
    if array.ndim == 2 or (array.ndim == 3 and array.shape[-1] == 1):
        grey = array.reshape(array.shape[:2]) if array.ndim == 3 else array
        array = np.broadcast_to(grey[..., None], (*grey.shape, 3))
    if array.ndim == 3 and array.shape[-1] == 4:
        array = array[..., :3]
    if array.ndim not in (3, 4) or array.shape[-1] != 3:
        raise ImageError(f"a NumPy image has shape {_shape(array)}; allowed: (H, W, 3), (N, H, W, 3) or grey (H, W)")
    batched = array.ndim == 4
    return _checked(array), lambda result: result if batched else result[0]


def _mask_of(mask: Any, size: tuple[int, ...] | None) -> Array:
    if isinstance(mask, Image.Image):
        _check_size(mask.size, 4)
        return holes_of(mask)[None]
    torch_mask = is_torch(mask)
    if is_on_device(mask) and not torch_mask:
        raise ImageError(
            f"the mask, a {type(mask).__name__}, is on the GPU, and the image is not; give both on one side"
        )
    array = _on_host(mask, "mask") if torch_mask else _array(mask, "mask")
    if array.dtype.kind not in "buif":
        raise ImageError(f"a mask has dtype {_dtype(array)}; allowed: bool, integers, floats")
    given = _shape(array)
    channels = not torch_mask and array.ndim >= 3 and array.shape[-1] in (1, 3) and array.shape[1:] != size
    if torch_mask and array.ndim == 4 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim - channels not in (2, 3) or 0 in array.shape:
        raise ImageError(f"a mask has shape {given}; allowed: (H, W), or (N, H, W) for a batch")
    _check_size(array.shape, 2 + 2 * (array.dtype.kind == "f"))
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ImageError("the mask has NaN; allowed: 0 for known pixels, anything else for the hole")
    holes: Array = np.asarray(array.any(axis=-1) if channels else array != 0).astype(np.uint8)
    return holes.reshape(-1, *holes.shape[-2:])


def _on_host(tensor: Any, what: str) -> Array:
    """A tensor's numbers, as a view of them where NumPy has their type; float8 and bfloat16 become float32, exactly."""
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantised" if tensor.is_quantized else "without values (meta)" if tensor.is_meta else "sparse"
        raise ImageError(f"the {what} is a {kind} torch tensor; give a dense one, as to_dense and dequantize make")
    if tensor.is_complex():
        raise ImageError(f"the {what} has dtype {_dtype(tensor)}; allowed: {ALLOWED}")
    _check_size(tensor.shape, tensor.element_size() if tensor.is_cuda else 0)
    tensor = tensor.detach().cpu().resolve_neg()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        _check_size(tensor.shape, 4)
        tensor = tensor.float()
    array: Array = tensor.numpy()
    return array


def _array(value: Any, what: str) -> Array:
    """A view of the caller's where it is an array. Masked pixels are no pixels, so that they are refused."""
    if isinstance(value, np.ma.MaskedArray) and np.ma.is_masked(value):
        raise ImageError(f"the {what} is a NumPy array with masked elements; fill them first (filled)")
    return np.asarray(value)


def _check_size(shape: Any, bytes_each: int) -> None:
    """Before anything of that size is made. bytes_each: what is made of every element."""
    count = math.prod(shape)
    if count > 3 * MOST_PIXELS:
        raise ImageError(
            f"an array of {count:.1e} elements is more than any picture; {3 * MOST_PIXELS:.1e} are allowed"
        )
    require_memory(count * bytes_each, f"an array of shape {brief(tuple(shape))}")


def _shape(array: Any) -> str:
    """Not more of it than a message has room for."""
    return brief(tuple(array.shape))


def _dtype(array: Any) -> str:
    """Structured ones can be of any length."""
    return "of fields" if getattr(array.dtype, "fields", None) else brief(str(array.dtype).removeprefix("torch."))


def _checked(array: Array) -> Array:
    """uint8 (N, H, W, 3) from any allowed dtype."""
    if 0 in array.shape:
        raise ImageError(f"an image has shape {_shape(array)}; it needs at least one pixel")
    array = array if array.ndim == 4 else array[None]
    kind, size = array.dtype.kind, array.dtype.itemsize
    if kind not in "buf" or (kind == "u" and size > 2):
        raise ImageError(f"an image has dtype {_dtype(array)}; allowed: {ALLOWED}")
    _check_size(array.shape, 2 * size + 2)
    if kind == "b":
        return array.astype(np.uint8) * np.uint8(255)
    if kind == "u":
        return np.ascontiguousarray(array) if size == 1 else (array >> 8).astype(np.uint8)
    if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
        raise ImageError("a float image must lie in [0, 1] and have no NaN; divide by 255 or convert to uint8")
    return np.rint(array * 255).astype(np.uint8)


def _torch_restore(like: Any) -> Restore:
    def restore(result: Array) -> Any:
        import torch

        tensor = torch.from_numpy(np.ascontiguousarray(np.moveaxis(result, -1, 1))).to(like.device)
        return tensor if like.ndim == 4 else tensor[0]

    return restore
