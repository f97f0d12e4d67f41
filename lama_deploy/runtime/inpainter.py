"""The public face: load a model of any kind, call it with an image and a mask."""

from __future__ import annotations

import os
from importlib import import_module
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from lama_deploy.bundle import MODEL, is_bundle, load_bundle
from lama_deploy.errors import ImageError, LamaDeployError, MissingDependencyError
from lama_deploy.runtime.arrays import mask_of, pixels_of
from lama_deploy.runtime.backend import Array, Backend, to_bytes

BACKENDS = ("onnxruntime", "torch")
SHOWN_IN_ERROR = {"onnxruntime": "pip install lama-deploy[onnxruntime]", "torch": "pip install lama-deploy[torch]"}


class Inpainter:
    """Fills the hole of an image. Known pixels come back byte for byte."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    @classmethod
    def load(cls, source: str | os.PathLike[str], *, backend: str | None = None, **options: Any) -> Inpainter:
        """Open a bundle, an .onnx of lama-export, a checkpoint of any kind, or a name such as "big-lama".

        backend: "onnxruntime" (bundles and .onnx) or "torch" (checkpoints and names); by default the one that fits.
        options: `device` ("cpu", "cuda") and `threads` for both, `optimization` ("all", "extended", "basic", "none")
        for onnxruntime. Raises a LamaDeployError that says what to do.
        """
        model = _onnx_file(Path(source))
        fitting = "torch" if model is None else "onnxruntime"
        if backend not in (None, fitting):
            raise LamaDeployError(
                f"{source}: backend {backend!r} does not run this; it takes "
                + ("a bundle, made by lama-export" if model is None else f"a checkpoint; use {fitting!r}")
            )
        module = _backend_module(fitting)
        if model is not None:
            return cls(module.OnnxRuntimeBackend(model, **options))
        from lama_deploy.weights import load_weights

        return cls(module.TorchBackend(load_weights(source), **options))

    def __call__(self, image: Any, mask: Any) -> Any:
        """Image and mask as PIL, NumPy or torch (`arrays.pixels_of`, `arrays.mask_of`) -> RGB uint8 of image's kind.

        Any nonzero mask pixel is hole. One mask serves a whole batch. An empty mask returns the image unchanged.
        Raises ImageError.
        """
        pixels, restore = pixels_of(image)
        return restore(self.run(pixels, mask_of(mask, pixels.shape[1:3])))

    def run(self, pixels: Array, holes: Array) -> Array:
        """(N, H, W, 3) uint8 and (N or 1, H, W) uint8 -> (N, H, W, 3) uint8."""
        if holes.shape[1:] != pixels.shape[1:3] or holes.shape[0] not in (1, pixels.shape[0]):
            raise ImageError(
                f"the mask is {_size(holes)}, the image {_size(pixels)}; both must have the same size, "
                "and a batch as many masks as images, or one"
            )
        if not holes.any():
            return pixels.copy()
        holes = np.ascontiguousarray(np.broadcast_to(holes, pixels.shape[:3]))
        result = to_bytes(self.backend.run(pixels, holes))
        return np.where(holes[..., None] > 0, result, pixels)


def _size(batch: Array) -> str:
    return f"{batch.shape[2]}x{batch.shape[1]}" + (f" (batch of {batch.shape[0]})" if batch.shape[0] > 1 else "")


def _onnx_file(source: Path) -> Path | None:
    """The ONNX file behind a bundle or .onnx path; None for what only torch can run."""
    if source.suffix == ".onnx":
        return source
    if is_bundle(source):
        load_bundle(source)
        return source / MODEL
    return None


def _backend_module(name: str) -> ModuleType:
    try:
        return import_module(f"lama_deploy.runtime.{name}_backend")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] != name:
            raise
        hint = "; or export a bundle once, with lama-export, and run that" if name == "torch" else ""
        raise MissingDependencyError(f"this model needs {name}: {SHOWN_IN_ERROR[name]}{hint}") from error
