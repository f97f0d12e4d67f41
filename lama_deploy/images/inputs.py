"""Images and masks as callers hold them (PIL, NumPy, torch, paths) <-> the bytes that backends take."""

from __future__ import annotations

import math
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.array_layouts import DTYPES, dtype_name, layout_of, result_like, rgb_of_samples, samples_of
from lama_deploy.images.deep import RawMode
from lama_deploy.images.files import read_photograph
from lama_deploy.images.frames import note_frames
from lama_deploy.images.hole import MaskLayers, holes_in, on_scale_of_bytes
from lama_deploy.images.mask_options import AS_OFFICIAL, MaskAs, MaskOptions
from lama_deploy.images.notes import Note, ignore
from lama_deploy.images.opening import opened
from lama_deploy.images.photograph import Photograph, filled, image_of, is_whole_in_pil, photograph_of
from lama_deploy.images.pixel_modes import mask_layers
from lama_deploy.images.placing import ORIENTATION, as_stored, check_mask_size
from lama_deploy.images.whole_hole import whole_hole
from lama_deploy.process_memory import require_memory

CUDA_DEVICES = (2, 13)  # DLPack's kDLCUDA, kDLCUDAManaged
MOST_PIXELS = 2**31  # of all pictures of a call: a view may claim any number of them without having one
ALLOWED_MASKS = "(H, W), (H, W, C) with C of 1 to 4, or (N, H, W) for a batch"
HALVED = "the image has 16 bits a sample, of which PIL has 8; lama-inpaint keeps all of them"


@dataclass(frozen=True)
class GivenImage:
    """pixels (N, H, W, 3) uint8, as stored. orientation: EXIF's, in which they are shown. name: of a file, or "".

    restore: makes of a result (N, H, W, 3) uint8 and the holes (N or 1, H, W) what the caller gets.
    """

    pixels: Array
    restore: Callable[[Array, Array], Any]
    orientation: int = 1
    name: str = ""

    @property
    def size(self) -> tuple[int, int]:
        """(height, width)."""
        height, width = self.pixels.shape[1:3]
        return height, width


def given_image(image: Any, note: Note = ignore) -> GivenImage:
    """A picture of a caller's; the result comes back in its kind, layout, channels and depth (floats: uint8).

    PIL: any mode but F, with orientation, profile and alpha; a path: as PIL. NumPy: (H, W), (H, W, C) or (N, H, W, C);
    torch: (H, W), (C, H, W) or (N, C, H, W); C is 1 (grey), 3 or 4 (with alpha), 2 (grey with alpha) for NumPy. The
    other library's layout is taken where the axes tell. dtypes: uint8, uint16, bool, other integers from 0 to 255,
    floats in [0, 1]. note: is told of what is lost. Raises ImageError for anything else, naming the file if there is.
    """
    with _of_a_caller("image", _file_name(image)):
        if isinstance(image, (str, os.PathLike)):
            return _of_photograph(read_photograph(Path(image), note=note, one_frame=True), os.fspath(image), note)
        if isinstance(image, Image.Image):
            return _of_picture(image, note)
        return _of_array(image)


def mask_of(
    mask: Any, image: GivenImage | None = None, options: MaskOptions = AS_OFFICIAL, note: Note = ignore
) -> Array:
    """(N, H, W) uint8, 1 in the hole: every pixel above 0, or what `options` say instead.

    NumPy: (H, W), (H, W, 1 to 4), (N, H, W[, 1]) or (N, 1, H, W). torch: (H, W), (1, H, W) or (N, 1, H, W). PIL: any
    mode; a path; None where `options` draw the hole, which needs the image.
    image: tells a batch 1 to 4 pixels wide from channels, and how EXIF turns it, as in `placing`.
    note: is told of what looks wrong. Raises ImageError for other shapes, for NaN and as `whole_hole`.
    """
    if mask is None and image is not None:
        with _of_a_caller("mask", image.name):
            return whole_hole(None, options, image.size, image.orientation, note)[None]
    with _of_a_caller("mask", _file_name(mask)):
        layers, preferred = _mask_layers(mask, image)
        picture = None if image is None else image.pixels[0]
        fitting = picture is not None and layers[0].grey.shape == picture.shape[:2]
        holes = np.stack([holes_in(layer, options, note, picture if fitting else None) for layer in layers])
        size, orientation = (holes.shape[1:], 1) if image is None else (image.size, image.orientation)
        if orientation != 1:
            check_mask_size(holes.shape[1:], size, orientation, options.mask_as)
            holes = as_stored(holes, size, orientation, options.mask_as, preferred, note)
        return np.stack([whole_hole(one, options, one.shape, orientation, note) for one in holes])


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
def _of_a_caller(what: str, name: str) -> Iterator[None]:
    """What goes wrong inside somebody else's object is an ImageError too."""
    try:
        yield
    except LamaDeployError as error:
        if not name or name in str(error):
            raise
        raise type(error)(f"{name}: {error}") from error
    except Exception as error:
        where = f"{name}: " if name else ""
        raise ImageError(f"{where}the {what} cannot be used ({type(error).__name__}: {brief(error)})") from error


def _file_name(value: Any) -> str:
    """Where PIL has opened it from; empty for all else."""
    if isinstance(value, (str, os.PathLike)):
        return brief(os.fspath(value))
    name = getattr(value, "filename", "") if isinstance(value, Image.Image) else ""
    return brief(os.fspath(name)) if isinstance(name, (str, os.PathLike)) else ""


def _of_picture(image: Image.Image, note: Note) -> GivenImage:
    _check_size(image.size, 12)
    raw = RawMode()
    raw.look(image)
    image.load()
    note_frames(image, note)
    if raw.name is not None:
        note(HALVED)
    return _of_photograph(photograph_of(image, note), _file_name(image), ignore)


def _of_photograph(photograph: Photograph, name: str, note: Note) -> GivenImage:
    if not is_whole_in_pil(photograph):
        note(HALVED)

    def restore(result: Array, holes: Array) -> Image.Image:
        return image_of(filled(photograph, result[0], holes[0]))

    return GivenImage(photograph.rgb[None], restore, photograph.exif.get(ORIENTATION, 1), name)


def _of_array(image: Any) -> GivenImage:
    torch_image = is_torch(image)
    if is_on_device(image) and not torch_image:
        raise ImageError(
            f"a {type(image).__name__} is on the GPU; copy it to the host, or run a bundle of --to trt, which takes it"
        )
    layout = layout_of(tuple(image.shape), "torch") if torch_image else None
    array = _on_host(image, "image") if torch_image else _array(image, "image")
    layout = layout or layout_of(array.shape, "NumPy")
    if 0 in array.shape:
        raise ImageError(f"an image has shape {_shape(array)}; it needs at least one pixel")
    samples = samples_of(layout.to_last(array), lambda size: _check_size(array.shape, size))

    def restore(result: Array, holes: Array) -> Any:
        back = layout.back(result_like(samples, result, holes))
        return _to_torch(back, image) if torch_image else back

    return GivenImage(rgb_of_samples(samples), restore)


def _mask_layers(mask: Any, image: GivenImage | None) -> tuple[list[MaskLayers], MaskAs]:
    """Of every picture of a batch, and how the mask is placed where it fits both ways.

    Pictures are drawn over what an editor shows; arrays are made of the image's own pixels.
    """
    if isinstance(mask, (str, os.PathLike)):
        with opened(Path(mask)) as picture:
            return [mask_layers(picture, Path(mask).name)], "shown"
    if isinstance(mask, Image.Image):
        _check_size(mask.size, 4)
        return [mask_layers(mask, Path(_file_name(mask)).name)], "shown"
    grey, alpha = _mask_array(mask, None if image is None else image.size)
    alphas = [None] * len(grey) if alpha is None else alpha
    return [MaskLayers(one, above) for one, above in zip(grey, alphas, strict=True)], "stored"


def _mask_array(mask: Any, size: tuple[int, int] | None) -> tuple[Array, Array | None]:
    """(N, H, W) of any real dtype, and the same of transparency, on the scale of bytes, where the mask has that."""
    torch_mask = is_torch(mask)
    if is_on_device(mask) and not torch_mask:
        raise ImageError(
            f"the mask, a {type(mask).__name__}, is on the GPU, and the image is not; give both on one side"
        )
    array = _on_host(mask, "mask") if torch_mask else _array(mask, "mask")
    if array.dtype.kind not in "buif":
        raise ImageError(f"a mask has dtype {dtype_name(array)}; allowed: bool, integers, floats")
    given = _shape(array)
    if array.ndim == 4 and array.shape[1] == 1 and (torch_mask or array.shape[2:] == size):
        array = array[:, 0]
    channels = not torch_mask and array.ndim >= 3 and array.shape[-1] in (1, 2, 3, 4) and array.shape[1:] != size
    if array.ndim - channels not in (2, 3) or 0 in array.shape:
        raise ImageError(f"a mask has shape {given}; allowed: {ALLOWED_MASKS}")
    _check_size(array.shape, 2 + 2 * (array.dtype.kind == "f"))
    if array.dtype.kind == "f" and np.isnan(array).any():
        raise ImageError("the mask has NaN; allowed: numbers, above 0 for the hole")
    alpha = None
    if channels:
        if array.shape[-1] % 2 == 0:
            array, alpha = array[..., :-1], on_scale_of_bytes(array[..., -1])
        array = array.max(axis=-1)
    height, width = array.shape[-2:]
    return array.reshape(-1, height, width), None if alpha is None else alpha.reshape(-1, height, width)


def _on_host(tensor: Any, what: str) -> Array:
    """A tensor's numbers, as a view of them where NumPy has their type; float8 and bfloat16 become float32, exactly."""
    import torch

    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        kind = "quantised" if tensor.is_quantized else "without values (meta)" if tensor.is_meta else "sparse"
        raise ImageError(f"the {what} is a {kind} torch tensor; give a dense one, as to_dense and dequantize make")
    if tensor.is_complex():
        raise ImageError(f"the {what} has dtype {dtype_name(tensor)}; allowed: {DTYPES}")
    _check_size(tensor.shape, tensor.element_size() if tensor.is_cuda else 0)
    tensor = tensor.detach().cpu().resolve_neg()
    if tensor.is_floating_point() and tensor.dtype not in (torch.float16, torch.float32, torch.float64):
        _check_size(tensor.shape, 4)
        tensor = tensor.float()
    array: Array = tensor.numpy()
    return array


def _to_torch(array: Array, like: Any) -> Any:
    import torch

    return torch.from_numpy(np.ascontiguousarray(array)).to(like.device)


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
