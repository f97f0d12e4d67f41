"""Other methods' inpainters, as ONNX or TorchScript with the usual interface, behind LaMa's preparation of pictures.

The usual interface: an image (1, 3, H, W) RGB in [0, 1] and a mask (1, 1, H, W), 1 = hole, both float; or both as the
one input that LaMa's generator takes (1, 4, H, W), the image zeroed in the hole, then the mask. The output is
(1, 3, H, W) in [0, 1] or in 0..255.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import numpy as np
from PIL import Image

from lama_deploy.arrays import Array
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.pixels import to_bytes
from lama_deploy.images.scenes import scene

OutputRange = Literal["unit", "byte"]
Network = Callable[[Array, Array], Array]  # image and mask, float32 NCHW -> result
PROBE_SIZE = 256  # side of the picture that tells the output's range, for a model that takes any size
LARGEST_UNIT = 2.0  # no output in [0, 1] overshoots so far; one in 0..255 does on any picture that is not black
SMALLEST_SHARE = 1e-6  # of hole in a resized pixel; below it is rounding
SMALLEST_UNIT = -0.5  # nor so far below: an output like that is in [-1, 1]


class ForeignModel:
    """A network made an inpainter.

    Pictures of another size than the model's fixed one are resized to it (bicubic) and the result back, with a mask
    that covers every pixel into which resizing mixed some of the hole: a test picture has the truth there. For a model
    without a fixed size they are padded at the bottom and right, symmetrically, to a multiple.
    The output's range, unless given, comes from one run on a probe picture: above 2 anywhere is 0..255.
    """

    def __init__(
        self,
        name: str,
        network: Network,
        *,
        fixed_size: tuple[int, int] | None,
        multiple: int,
        output_range: OutputRange | None,
    ) -> None:
        """fixed_size: (height, width). Raises LamaDeployError when the network does not have the usual interface."""
        self._name, self._network, self._multiple = name, network, multiple
        self.fixed_size = fixed_size
        self.output_range: OutputRange = output_range or self._probed_range()

    def __call__(self, rgb: Array, hole: Array) -> Array:
        """rgb (H, W, 3) uint8, hole (H, W) -> (H, W, 3) uint8, not composited."""
        height, width = hole.shape
        if self.fixed_size is None or self.fixed_size == (height, width):
            return self._bytes(*_padded(rgb, hole, self._multiple))[:height, :width]
        size = self.fixed_size[::-1]
        small = np.asarray(Image.fromarray(rgb).resize(size, Image.Resampling.BICUBIC))
        share = Image.fromarray(hole.astype(np.float32)).resize(size, Image.Resampling.BICUBIC)
        result = Image.fromarray(self._bytes(small, np.abs(np.asarray(share)) > SMALLEST_SHARE))
        return np.asarray(result.resize((width, height), Image.Resampling.BICUBIC))

    def _bytes(self, rgb: Array, hole: Array) -> Array:
        output = self._run(rgb, hole)
        return to_bytes(output) if self.output_range == "unit" else np.clip(output, 0, 255).astype(np.uint8)

    def _run(self, rgb: Array, hole: Array) -> Array:
        """(H, W, 3) float32 in the network's own range."""
        image = rgb.transpose(2, 0, 1)[None].astype(np.float32) / np.float32(255)
        output = self._network(image, (hole[None, None] > 0).astype(np.float32))
        if output.shape != image.shape:
            raise LamaDeployError(
                f"{self._name}: returns {output.shape} for {image.shape}; it must be the image's shape"
            )
        if not np.isfinite(output).all():
            raise LamaDeployError(f"{self._name}: returns NaN or infinity; its results cannot be measured")
        return output[0].transpose(1, 2, 0).astype(np.float32)

    def _probed_range(self) -> OutputRange:
        images, masks = scene(*(self.fixed_size or (PROBE_SIZE, PROBE_SIZE)))
        output = self._run(images[0], masks[0])
        if output.min() < SMALLEST_UNIT and output.max() <= LARGEST_UNIT:
            raise LamaDeployError(
                f"{self._name}: its output goes from {output.min():.2f} to {output.max():.2f}, which is neither [0, 1] "
                "nor 0..255; wrap the model, or say which with --output-range"
            )
        return "byte" if output.max() > LARGEST_UNIT else "unit"


def open_onnx(path: Path, device: str | None, threads: int | None) -> tuple[Network, tuple[int, int] | None]:
    """An ONNX model with the usual interface, and its (height, width) where it is fixed.

    Of two inputs the one with "mask" in its name is the mask, else the second. Raises LamaDeployError for another
    interface and for a model that ONNX Runtime cannot open.
    """
    from lama_deploy.runtime.backends.onnxruntime_session import open_session

    session = open_session(path, device=device, threads=threads)
    inputs = session.get_inputs()
    _check_inputs(path, inputs)
    dtype = np.float16 if inputs[0].type == "tensor(float16)" else np.float32
    mask_name = next((value.name for value in inputs if "mask" in value.name.lower()), inputs[-1].name)

    def network(image: Array, mask: Array) -> Array:
        if len(inputs) == 1:
            feeds = {inputs[0].name: np.concatenate((image * (1 - mask), mask), axis=1)}
        else:
            feeds = {value.name: mask if value.name == mask_name else image for value in inputs}
        try:
            result: Array = np.asarray(
                session.run(None, {name: array.astype(dtype) for name, array in feeds.items()})[0]
            )
            return result
        except Exception as error:  # ONNX Runtime's exceptions share no base class but this
            raise _does_not_run(path, image, brief(error)) from error

    height, width = inputs[0].shape[2:]
    fixed = (height, width) if isinstance(height, int) and isinstance(width, int) else None
    return network, fixed


def open_torchscript(path: Path, device: str | None) -> Network:
    """A TorchScript module with forward(image, mask). It is loaded as it is: a TorchScript file is a program.

    Raises LamaDeployError when torch cannot load it.
    """
    import torch

    from lama_deploy.runtime.backends.torch_devices import torch_device

    if not path.is_file():
        raise LamaDeployError(f"{path}: no such file")
    where = torch_device(device)
    try:
        module = torch.jit.load(str(path), map_location=where).eval()  # type: ignore[no-untyped-call]
    except (RuntimeError, ValueError) as error:
        raise LamaDeployError(f"{path}: not a TorchScript file that torch can load") from error

    def network(image: Array, mask: Array) -> Array:
        try:
            with torch.inference_mode():
                result = module(torch.from_numpy(image).to(where), torch.from_numpy(mask).to(where))
        except (RuntimeError, torch.jit.Error) as error:
            raise _does_not_run(path, image, brief(str(error).strip().splitlines()[-1])) from error
        if not isinstance(result, torch.Tensor):
            raise LamaDeployError(f"{path}: returns a {type(result).__name__}; it must be the image alone")
        return result.float().cpu().numpy()

    return network


def _check_inputs(path: Path, inputs: list[Any]) -> None:
    shapes = ", ".join(f"{brief(value.name, 40)} {value.type} {brief(value.shape, 60)}" for value in inputs[:4])
    channels = [value.shape[1] if len(value.shape) == 4 else None for value in inputs]
    usual = len(inputs) == 2 or (len(inputs) == 1 and channels == [4])
    floats = all(value.type in ("tensor(float)", "tensor(float16)") for value in inputs)
    if not (usual and floats and None not in channels):
        raise LamaDeployError(
            f"{path}: not the usual interface (inputs: {shapes}); allowed, floats: image (N, 3, H, W) and mask "
            "(N, 1, H, W), or both in one (N, 4, H, W)"
        )


def _does_not_run(path: Path, image: Array, reason: str) -> LamaDeployError:
    return LamaDeployError(f"{path}: does not run at {image.shape[3]}x{image.shape[2]} ({reason})")


def _padded(rgb: Array, hole: Array, multiple: int) -> tuple[Array, Array]:
    below, right = (-size % multiple for size in hole.shape)
    return (
        np.pad(rgb, ((0, below), (0, right), (0, 0)), "symmetric"),
        np.pad(hole, ((0, below), (0, right)), "symmetric"),
    )
