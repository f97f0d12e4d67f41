"""The whole of an inpainting call as one module: what rivals trace, compile and run."""

from __future__ import annotations

import torch


class Composite(torch.nn.Module):
    """What `bin/to_jit.py` traces and IOPaint runs: masking, generator, composite, on floats."""

    def __init__(self, generator: torch.nn.Module) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, image: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        predicted = self.generator(torch.cat((image * (1 - mask), mask), dim=1))
        return mask * predicted + (1 - mask) * image


class InHalf(torch.nn.Module):
    """A generator converted to fp16 or bf16, channels last; float32 in and out."""

    def __init__(self, generator: torch.nn.Module, dtype: torch.dtype) -> None:
        super().__init__()
        self.dtype = dtype
        self.generator = generator.to(dtype=dtype, memory_format=torch.channels_last)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.generator(x.to(self.dtype, memory_format=torch.channels_last)).float()
