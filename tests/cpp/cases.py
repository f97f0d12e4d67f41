"""Random calls of an Inpainter as C and as Python make them: pictures, masks, options, and what Python makes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.images.array_layouts import result_like, rgb_of_samples
from lama_deploy.images.inputs import mask_of
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.images.notes import ignore
from lama_deploy.images.whole_hole import whole_hole
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.strategies.running import raised
from tests.cpp import liblama

KINDS = tuple(liblama.FORMATS)
MASKS = ("specks", "boxes", "line", "disc", "all", "none", "grey")


@dataclass(frozen=True)
class Case:
    """images: (H, W[, C]) with gaps between rows, as `kind` says. masks: None where `drawn` says where the hole is."""

    kind: str
    images: Sequence[Array]
    masks: Sequence[Array] | None
    in_place: bool
    call: Mapping[str, Any] = field(default_factory=dict)  # as liblama has it

    def by_c(self, inpainter: liblama.Inpainter) -> list[Array]:
        outputs = [image.copy() if self.in_place else np.full_like(image, 123) for image in self.images]
        seen = outputs if self.in_place else self.images
        inpainter.inpaint_batch(seen, self.masks, [self.kind] * len(outputs), outputs, **self.call)
        return outputs

    def by_python(self, inpainter: Inpainter) -> list[Array]:
        flip = self.kind in ("bgr", "bgra")
        samples = [_flipped(image if image.ndim == 3 else image[..., None], flip)[None] for image in self.images]
        pictures = [rgb_of_samples(sample)[0] for sample in samples]
        holes = self._holes()
        if len({picture.shape for picture in pictures}) == 1:
            results = list(inpainter.run(np.stack(pictures), np.stack(holes)))
        else:
            results = [raised(one) for one in inpainter.run_many(list(zip(pictures, holes, strict=True)))]
        made = (
            result_like(sample, result[None], hole[None])[0]
            for sample, result, hole in zip(samples, results, holes, strict=True)
        )
        return [_flipped(one, flip).reshape(image.shape) for one, image in zip(made, self.images, strict=True)]

    def _holes(self) -> list[Array]:
        names = {"mask_threshold": "mask_threshold", "mask_invert": "invert", "mask_grow": "grow"}
        given = {names.get(name, name): value for name, value in self.call.items()}
        options = MaskOptions(**{**given, "invert": bool(given.get("invert", 0))})
        if self.masks is None:
            return [whole_hole(None, options, image.shape[:2], 1, ignore) for image in self.images]
        return [mask_of(np.ascontiguousarray(mask), options=options)[0] for mask in self.masks]


def random_case(random: np.random.Generator, most: int) -> Case:
    """most: pixels of the longer side."""
    count = int(random.choice([1, 1, 1, 2, 3]))
    sizes = [_size(random, most)] * count if random.random() < 0.5 else [_size(random, most) for _ in range(count)]
    kind = str(random.choice(KINDS))
    call = _call(random, sizes)
    drawn = bool(call.get("boxes") or call.get("points"))
    masks = None if drawn and random.random() < 0.5 else [_with_gaps(random, _mask(random, size)) for size in sizes]
    if masks is None:
        call.pop("mask_invert", None)
    pixels = liblama.FORMATS[kind][1]
    images = [_with_gaps(random, _picture(random, size, pixels)) for size in sizes]
    return Case(kind, images, masks, bool(random.random() < 0.3), call)


def _size(random: np.random.Generator, most: int) -> tuple[int, int]:
    height, width = np.exp(random.uniform(0, np.log(most), 2)).round().astype(int).tolist()
    return height, width


def _call(random: np.random.Generator, sizes: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """What is drawn lies in all of the pictures."""
    height, width = (min(size[axis] for size in sizes) for axis in range(2))
    call: dict[str, Any] = {}
    if random.random() < 0.2:
        call["mask_threshold"] = float(random.choice([0.5, 17, 127, 254.5]))
    if random.random() < 0.1:
        call["mask_invert"] = 1
    if random.random() < 0.2:
        call["mask_grow"] = int(random.integers(0, 20))
    if random.random() < 0.2:
        x, y = random.uniform(-3, width - 0.5), random.uniform(-3, height - 0.5)
        call["boxes"] = [(x, y, random.uniform(3.5, 40), random.uniform(3.5, 40)), (0, 0, 1, 0.25)]
    if random.random() < 0.2:
        call["points"] = [(float(random.integers(width)), float(random.integers(height)), random.uniform(0, 30))]
    return call


def _picture(random: np.random.Generator, size: tuple[int, int], channels: int) -> Array:
    """Smooth, with some noise, so that the parts of a picture differ."""
    rows, columns = (np.linspace(0, random.uniform(1, 9), side) for side in size)
    wave = np.sin(rows)[:, None, None] + np.cos(columns)[None, :, None] + random.uniform(-1, 1, (1, 1, channels))
    noisy = 128 + 60 * wave + random.normal(0, 6, (*size, channels))
    picture = np.clip(noisy, 0, 255).astype(np.uint8)
    return picture[..., 0] if channels == 1 else picture


def _mask(random: np.random.Generator, size: tuple[int, int]) -> Array:
    kind, (height, width) = random.choice(MASKS), size
    y, x = np.mgrid[:height, :width]
    mask = np.zeros(size, np.uint8)
    if kind == "specks":
        mask[random.random(size) < random.choice([0.001, 0.02])] = 255
    elif kind == "boxes":
        for _ in range(random.integers(1, 5)):
            top, left = random.integers(height), random.integers(width)
            mask[top : top + random.integers(1, 60), left : left + random.integers(1, 60)] = random.integers(1, 256)
    elif kind == "line":
        mask[np.abs(y - random.uniform(-1, 1) * x - random.uniform(0, height)) < random.uniform(1, 8)] = 255
    elif kind == "disc":
        radius = random.uniform(0, 0.4) * max(size)
        mask[np.hypot(y - random.uniform(0, height), x - random.uniform(0, width)) < radius] = 255
    elif kind == "all":
        mask[:] = 255
    elif kind == "grey":
        mask[:] = random.integers(0, 256, size) * (random.random(size) < 0.05)
    return mask


def _with_gaps(random: np.random.Generator, pixels: Array) -> Array:
    """The same in a buffer whose rows are longer."""
    gap = int(random.choice([0, 0, 1, 17]))
    row = np.zeros((pixels.shape[0], pixels[0].size + gap), np.uint8)
    inside = row[:, : pixels[0].size].reshape(pixels.shape) if gap == 0 else None
    if inside is None:
        strides = (row.strides[0], *pixels.strides[1:])
        inside = np.lib.stride_tricks.as_strided(row, pixels.shape, strides)
    inside[:] = pixels
    return inside


def _flipped(pixels: Array, flip: bool) -> Array:
    """(..., 3 or 4): blue and red exchanged."""
    return pixels[..., [2, 1, 0, *range(3, pixels.shape[-1])]] if flip else pixels
