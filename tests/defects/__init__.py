"""Broken generators and broken pictures, each a mistake that somebody could make: what the gate is tested by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.images.pixels import to_bytes
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.variants import GeneratorConfig
from tests.defects import generators, pictures

Run = Callable[[Array, Array], Array]


def exact(checkpoint: Checkpoint) -> Run:
    return TorchBackend(checkpoint, device="cpu").run


@dataclass(frozen=True)
class Defect:
    """run: of a checkpoint, (images, masks) -> floats (N, H, W, 3), as eager float32 computes with the defect.

    picture: what happens to the finished picture in [0, 1].
    """

    run: Callable[[Checkpoint], Run] = exact
    picture: Callable[[Array], Array] = lambda picture: picture

    def result(self, broken: Array, rounding: Array, images: Array, masks: Array) -> Array:
        """What an artefact with this defect returns: known pixels put back, and bytes where `rounding` is of bytes.

        broken: of `run`. rounding: what the right artefact differs by from eager float32, on the same picture; bytes'
        in units of 1/255.
        """
        of_bytes = rounding.dtype == np.int16
        picture = self.picture((broken + rounding / np.float32(255 if of_bytes else 1)).astype(np.float32))
        result = np.where(masks[..., None] > 0, picture, images / np.float32(255)).astype(np.float32)
        if not of_bytes or np.isnan(result).any():
            return result
        return np.where(masks[..., None] > 0, to_bytes(result), images)


def rounding_of(right: Array, eager: Array) -> Array:
    """For `Defect.result`: what a right artefact differs by from eager float32."""
    if right.dtype == np.uint8:
        return right.astype(np.int16) - to_bytes(eager)
    return right - eager


def of_generator(change: generators.Change) -> Defect:
    def run(checkpoint: Checkpoint) -> Run:
        backend = TorchBackend(checkpoint, device="cpu")
        with torch.no_grad():
            change(backend.generator)
        return backend.run

    return Defect(run)


def of_input(
    change: Callable[[Array, Array], tuple[Array, Array]], back: Callable[[Array, Array], Array] = lambda x, _: x
) -> Defect:
    """change: what is wrong with images and masks; back: what is done to the result, given the right masks."""

    def run(checkpoint: Checkpoint) -> Run:
        right = exact(checkpoint)
        return lambda images, masks: back(right(*change(images, masks)), masks)

    return Defect(run)


def telea(checkpoint: Checkpoint) -> Run:
    import cv2

    def run(images: Array, masks: Array) -> Array:
        filled = [cv2.inpaint(*pair, 3, cv2.INPAINT_TELEA) for pair in zip(images, masks, strict=True)]
        return np.stack(filled) / np.float32(255)

    return run


def defects(config: GeneratorConfig) -> dict[str, Defect]:
    """Of a Fourier generator, by name."""
    return {
        **{name: of_generator(change) for name, change in generators.changes(2 * config.blocks, config.blocks).items()},
        **{name: Defect(picture=change) for name, change in pictures.CHANGES.items()},
        "mask polarity": of_input(pictures.inverted),
        "BGR read as RGB": of_input(pictures.channels_reversed),
        "BGR read as RGB and written back": of_input(pictures.channels_reversed, lambda result, _: result[..., ::-1]),
        "off by one pixel on the latent grid": of_input(pictures.padded_above, lambda result, _: result[:, 1:, 1:]),
        "crop off by one pixel": of_input(pictures.padded_above, lambda result, _: result[:, :-1, :-1]),
        "resized to 512x512 and back": of_input(partial(pictures.resized, 512, 512), pictures.to_size_of),
        "resized to 128x128 and back": of_input(partial(pictures.resized, 128, 128), pictures.to_size_of),
        "Telea's method": Defect(telea),
    }
