"""Floating-point operations of a Fourier generator, counted, and its memory, estimated.

A multiplication and an addition are two operations.
"""

from __future__ import annotations

from lama_deploy.variants import STEM_PADDING, GeneratorConfig


def generator_flops(config: GeneratorConfig, height: int, width: int, batch: int = 1) -> int:
    """Of convolutions and of the channel mixing of spectra, as in the official layers; the transforms are left out.

    height and width: multiples of `config.multiple`. ValueError for generators without Fourier units.
    """
    if config.kind != "ffc":
        raise ValueError(f"a generator of kind {config.kind!r} is not counted here, only 'ffc'")
    pixels = [(height >> level) * (width >> level) for level in range(config.downsamplings + 1)]
    ends = (2 * STEM_PADDING + 1) ** 2 * (4 + 3) * config.width * pixels[0]
    steps = sum(
        9 * config.channels(level) * config.channels(level + 1) * pixels[level + 1] * 2  # down, and up again
        for level in range(config.downsamplings)
    )
    latent_height, latent_width = height >> config.downsamplings, width >> config.downsamplings
    return 2 * batch * (ends + steps + 2 * config.blocks * _ffc_products(config, latent_height, latent_width))


def needed_bytes(config: GeneratorConfig, size: int, batch: int) -> int:
    """Of device memory, an estimate: eager float32 takes 16 bytes a pixel and channel of the stem, cuDNN's searches
    as much again, the libraries and weights a GiB.
    """
    return 2**30 + 2 * 16 * config.width * size * size * batch


def _ffc_products(config: GeneratorConfig, height: int, width: int) -> int:
    """Multiplications of one FFC on a latent of height x width."""
    local, global_ = config.local_channels, config.global_channels
    inner = global_ // 2
    spatial = 9 * (local * local + 2 * local * global_) + 2 * global_ * inner
    return spatial * height * width + (2 * inner) ** 2 * height * (width // 2 + 1)
