"""TorchScript: one file that programs with official LaMa's interface take as they take their `big-lama.pt`.

Those files are traced, and so right where the latent's width is odd or even as it was then. Here what depends on sizes
is scripted: the inverse transform, and the padding to what the generator takes, with which every size is right.
Batch normalisation is folded in. Interface: official `bin/to_jit.py`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.variants import GeneratorConfig
from lama_export.edge.network import Network


def fourier_unit(x: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
    """As `spectral.spectral_conv_reference`, for x (N, C, h, w) of any size, equal on CPU and CUDA. To be scripted."""
    n, c, h, w = x.shape
    z = torch.fft.rfft2(x, norm="ortho")
    parts = torch.stack((z.real, z.imag), dim=2).reshape(n, 2 * c, h, w // 2 + 1)
    mixed = torch.relu(functional.conv2d(parts, weight, bias)).reshape(n, c, 2, h, w // 2 + 1)
    spectrum = torch.complex(mixed[:, :, 0], mixed[:, :, 1])
    step = w if w % 2 == 1 else w // 2
    edge = spectrum[..., ::step]  # see `spectral.make_edge_columns_hermitian`
    spectrum[..., ::step] = (edge + edge.flip(-2).roll(1, -2).conj_physical()) / 2
    return torch.fft.irfft2(spectrum, s=[h, w], norm="ortho")


class _Generator(nn.Module):
    """x (N, 4, H, W) -> (N, 3, H, W), H and W multiples that the generator takes."""

    def __init__(self, config: GeneratorConfig, state_dict: Mapping[str, Array]) -> None:
        super().__init__()
        self._network = Network(_Operators(self), config, state_dict)

    def forward(self, x: Tensor) -> Tensor:
        return self._network.emit(x)


class _Operators:
    """Those of `Network` in torch. Weights are buffers of a module, which its first forward makes."""

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._fourier_unit = torch.jit.script(fourier_unit)

    def conv(
        self,
        name: str,
        x: Tensor,
        weight: Array,
        bias: Array | None,
        *,
        stride: int = 1,
        dilation: int = 1,
        zeros: int = 0,
        relu: bool = False,
    ) -> Tensor:
        kept = None if bias is None else self._kept(f"{name}/bias", bias)
        y = functional.conv2d(x, self._kept(f"{name}/weight", weight), kept, stride, zeros, dilation)
        return y.relu_() if relu else y

    def double(self, name: str, x: Tensor, weight: Array, bias: Array) -> Tensor:
        kept = self._kept(f"{name}/weight", weight), self._kept(f"{name}/bias", bias)
        return functional.conv_transpose2d(x, *kept, stride=2, padding=1, output_padding=1).relu_()

    def reflect(self, name: str, x: Tensor, begin: int, end: int) -> Tensor:
        return functional.pad(x, (begin, end, begin, end), mode="reflect")

    def add(self, name: str, a: Tensor, b: Tensor, *, relu: bool = False) -> Tensor:
        return (a + b).relu_() if relu else a + b

    def concat(self, name: str, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), dim=1)

    def split(self, name: str, x: Tensor, parts: int) -> Sequence[Tensor]:
        return x.chunk(parts, dim=1)

    def fourier_unit(self, name: str, x: Tensor, weight: Array, bias: Array) -> Tensor:
        kept = self._kept(f"{name}/weight", weight), self._kept(f"{name}/bias", bias)
        result: Tensor = self._fourier_unit(x, *kept)
        return result

    def pixels(self, name: str, x: Tensor, weight: Array, bias: Array) -> Tensor:
        return functional.pixel_shuffle(self.conv(name, x, weight, bias, stride=2), 2)

    def sigmoid(self, name: str, x: Tensor) -> Tensor:
        return x.sigmoid()

    def _kept(self, name: str, array: Array) -> Tensor:
        """The float32 buffer of this name."""
        name = name.replace("/", "_")
        if name not in dict(self._module.named_buffers()):
            self._module.register_buffer(name, torch.from_numpy(array).float())
        return self._module.get_buffer(name)


class _AnySize(nn.Module):
    """image (N, 3, H, W) in [0, 1], mask (N, 1, H, W), above 0 is hole -> (N, 3, H, W); as `model.predict.inpaint`."""

    def __init__(self, generator: nn.Module, config: GeneratorConfig) -> None:
        super().__init__()
        self.generator, self.multiple, self.least = generator, config.multiple, config.minimum_size

    def forward(self, image: Tensor, mask: Tensor) -> Tensor:
        height, width = image.shape[-2], image.shape[-1]
        rows, columns = self.padded(height, image), self.padded(width, image)
        hole = mask > 0
        padded = hole.index_select(2, rows).index_select(3, columns)
        masked = image.index_select(2, rows).index_select(3, columns).masked_fill(padded, 0.0)
        predicted = self.generator(torch.cat((masked, padded.to(masked.dtype)), dim=1))
        return torch.where(hole, predicted[:, :, :height, :width], image)

    def padded(self, size: int, image: Tensor) -> Tensor:
        """As `model.predict.symmetric_indices`."""
        up = (max(size, self.least) + self.multiple - 1) // self.multiple * self.multiple
        position = torch.arange(up, device=image.device) % (2 * size)
        return torch.minimum(position, 2 * size - 1 - position)


def torchscript_from_state(config: GeneratorConfig, state_dict: Mapping[str, Array]) -> torch.jit.ScriptModule:
    """In float32, on the CPU; `to` moves it."""
    generator = _Generator(config, state_dict).eval()
    side = max(config.minimum_size, 4 * config.multiple)
    example = torch.zeros(1, 4, side, side)
    with torch.inference_mode(False), torch.no_grad(), _quiet():
        generator(example)
        traced = torch.jit.trace(generator, example, check_trace=False)  # type: ignore[no-untyped-call]
        scripted: torch.jit.ScriptModule = torch.jit.script(_AnySize(traced, config).eval())
    return scripted


def save_torchscript(module: torch.jit.ScriptModule, path: Path) -> None:
    """With what the file says of itself."""
    said = {IO_PROPERTY: "float", PRECISION_PROPERTY: "fp32"}
    with _quiet():
        torch.jit.save(module, str(path), _extra_files=said)


@contextmanager
def _quiet() -> Iterator[None]:
    """torch says that TorchScript is old, which whoever asks for it knows."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*torch.jit", category=DeprecationWarning)
        yield
