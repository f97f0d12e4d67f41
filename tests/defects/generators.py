"""What can be wrong with a generator: changes to the module, in place."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from lama_deploy.model.ffc import FFCResnetBlock, FourierUnit, SpectralTransform
from lama_deploy.model.generator import Generator
from lama_deploy.spectral import irfft2, rfft2

Change = Callable[[Generator], None]
Spectrum = Callable[[FourierUnit, Tensor], Tensor]


def units(generator: Generator) -> list[FourierUnit]:
    return [module for module in generator.modules() if isinstance(module, FourierUnit)]


def blocks(generator: Generator) -> list[int]:
    """Where in `generator.model` they are."""
    return [index for index, module in enumerate(generator.model) if isinstance(module, FFCResnetBlock)]


def block(generator: Generator, number: int) -> FFCResnetBlock:
    return generator.model[blocks(generator)[number]]


def convolutions(generator: Generator) -> list[nn.Conv2d | nn.ConvTranspose2d]:
    return [module for module in generator.modules() if isinstance(module, (nn.Conv2d, nn.ConvTranspose2d))]


def head(generator: Generator) -> nn.Conv2d:
    return convolutions(generator)[-1]


def unit_zeroed(number: int | None, generator: Generator) -> None:
    for unit in units(generator) if number is None else [units(generator)[number]]:
        unit.forward = torch.zeros_like  # type: ignore[method-assign, assignment]


def units_computing(forward: Spectrum, generator: Generator) -> None:
    for unit in units(generator):
        unit.forward = partial(forward, unit)  # type: ignore[method-assign]


def mixed(unit: FourierUnit, spectrum: Tensor) -> Tensor:
    return unit.bn(unit.conv_layer(spectrum)).relu_()


def parts_swapped(unit: FourierUnit, x: Tensor) -> Tensor:
    n, c, h, k = (spectrum := rfft2(x)).shape
    return irfft2(mixed(unit, spectrum.reshape(n, c // 2, 2, h, k).flip(2).reshape(n, c, h, k)), x.shape[-1])


def planar(unit: FourierUnit, x: Tensor) -> Tensor:
    """All real parts, then all imaginary ones."""
    n, c, h, k = (spectrum := rfft2(x)).shape
    return irfft2(mixed(unit, spectrum.reshape(n, c // 2, 2, h, k).transpose(1, 2).reshape(n, c, h, k)), x.shape[-1])


def half_of_edge_columns(unit: FourierUnit, x: Tensor) -> Tensor:
    """Another library's meaning of a spectrum that is not Hermitian: columns 0 and w/2 by their upper halves."""
    n, c, h, k = (spectrum := mixed(unit, rfft2(x))).shape
    pairs = spectrum.reshape(n, c // 2, 2, h, k)
    z = torch.complex(pairs[:, :, 0], pairs[:, :, 1])
    width = x.shape[-1]
    edge = z[..., :: width if width % 2 else width // 2]
    mirrored = edge.flip(-2).roll(1, -2).conj_physical()
    row = torch.arange(h)[:, None]
    edge.copy_(torch.where(row > h // 2, mirrored, torch.where(2 * row % h == 0, edge.real.to(z.dtype), edge)))
    return torch.fft.irfft2(z, s=(h, width), norm="ortho")


def scaled(factor: float, unit: FourierUnit, x: Tensor) -> Tensor:
    return factor * irfft2(mixed(unit, rfft2(x)), x.shape[-1])


def backwards(unit: FourierUnit, x: Tensor) -> Tensor:
    """A forward transform in place of the inverse one."""
    return irfft2(mixed(unit, rfft2(x)), x.shape[-1]).flip((-1, -2)).roll((1, 1), (-1, -2))


def without_relu(unit: FourierUnit, x: Tensor) -> Tensor:
    return irfft2(unit.bn(unit.conv_layer(rfft2(x))), x.shape[-1])


def clipped_spectrum(limit: float, unit: FourierUnit, x: Tensor) -> Tensor:
    """As in halves, whose infinities somebody clipped; limit: of the unnormalised transform."""
    most = limit / (x.shape[-2] * x.shape[-1]) ** 0.5
    return irfft2(mixed(unit, rfft2(x).clamp(-most, most)), x.shape[-1])


def without_residual(generator: Generator) -> None:
    for module in generator.modules():
        if isinstance(module, SpectralTransform):
            module.forward = partial(lambda own, x: own.conv2(own.fu(own.conv1(x))), module)  # type: ignore[method-assign]


def path_zeroed(path: str, generator: Generator) -> None:
    """path: "convl2g" and so on."""
    for index in blocks(generator):
        for layer in (generator.model[index].conv1, generator.model[index].conv2):
            conv = getattr(layer.ffc, path)
            (conv.conv2 if isinstance(conv, SpectralTransform) else conv).weight.zero_()


def block_dropped(number: int, generator: Generator) -> None:
    generator.model[blocks(generator)[number]] = nn.Identity()


def inputs_as_outputs(generator: Generator) -> None:
    weight = block(generator, 2).conv1.ffc.convl2l.weight
    weight.copy_(weight.transpose(0, 1).clone())


def taps_transposed(generator: Generator) -> None:
    for index in blocks(generator):
        weight = generator.model[index].conv1.ffc.convl2l.weight
        weight.copy_(weight.transpose(2, 3).clone())


def bias_lost(of: Callable[[Generator], nn.Module], generator: Generator) -> None:
    of(generator).bias.zero_()  # type: ignore[operator, union-attr]


def batch_statistics(generator: Generator) -> None:
    """A network that was left in training mode, one layer of it."""
    generator.model[1].bn_l.train()
    generator.model[1].bn_l.momentum = 0.0


def epsilon(value: float, generator: Generator) -> None:
    for module in generator.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.eps = value


def channel_zeroed(branch: str, generator: Generator) -> None:
    bn = getattr(block(generator, 2).conv2, branch)
    bn.weight[3] = bn.bias[3] = 0


def input_channel_zeroed(generator: Generator) -> None:
    next(conv for conv in convolutions(generator) if isinstance(conv, nn.ConvTranspose2d)).weight[5] = 0


def zero_padded(generator: Generator) -> None:
    for conv in convolutions(generator):
        conv.padding_mode = "zeros"
    head_zero_padded(generator)


def head_zero_padded(generator: Generator) -> None:
    last = max(index for index, module in enumerate(generator.model) if isinstance(module, nn.ReflectionPad2d))
    generator.model[last] = nn.ZeroPad2d(3)


def weights_in_bits(bits: int, generator: Generator) -> None:
    """Symmetric, for each output channel by itself."""
    for conv in convolutions(generator):
        axes = (1, 2, 3) if isinstance(conv, nn.Conv2d) else (0, 2, 3)
        step = conv.weight.abs().amax(axes, keepdim=True).clamp_min(1e-12) / (2 ** (bits - 1) - 1)
        conv.weight.copy_((conv.weight / step).round() * step)


def pruned(share: float, generator: Generator) -> None:
    for conv in convolutions(generator):
        smallest = conv.weight.abs().flatten().kthvalue(max(1, int(conv.weight.numel() * share))).values
        conv.weight[conv.weight.abs() <= smallest] = 0


class Clipped(nn.Module):
    """Both branches at a share of their largest value: an overflow that somebody clipped."""

    def __init__(self, inner: nn.Module, share: float) -> None:
        super().__init__()
        self.inner, self.share = inner, share

    def forward(self, x: tuple[Tensor, Tensor]) -> tuple[Tensor, ...]:
        return tuple(
            y.clamp(-self.share * float(y.abs().max()), self.share * float(y.abs().max())) for y in self.inner(x)
        )


def trunk_clipped(share: float, generator: Generator) -> None:
    for index in blocks(generator):
        generator.model[index] = Clipped(generator.model[index], share)


def decoded_near_holes(halo: int, shift: int, generator: Generator) -> None:
    """What a decoder for holes alone computes of the cells that holes lie in and so many around them, in torch.

    shift: by how many cells what it computed is put back too low. With a halo of 2 and no shift it is right.
    """
    model = generator.model
    first = next(index for index, module in enumerate(model) if isinstance(module, nn.ConvTranspose2d))
    trunk, decoder, cell = model[:first], model[first:], generator.config.multiple

    def forward(x: Tensor) -> Tensor:
        sides = []
        for axis in (-2, -1):
            line = x[:, 3].amax(dim=(0, -3 - axis)).nonzero()
            cells = x.shape[axis] // cell
            # Reflect padding needs 4 pixels, and 2 cells have them whatever the generator.
            start = max(0, min(int(line.min()) // cell - halo, cells - 2))
            sides.append((start, max(start + 2, min(cells, int(line.max()) // cell + 1 + halo))))
        (top, bottom), (left, right) = sides
        part = decoder(trunk(x)[..., top:bottom, left:right])
        low = min(top + shift, x.shape[-2] // cell - (bottom - top))
        whole = part.new_zeros(x.shape[0], 3, *x.shape[-2:])
        whole[..., low * cell :, left * cell :][..., : part.shape[-2], : part.shape[-1]] = part
        return whole

    generator.forward = forward  # type: ignore[method-assign]


SPECTRA: dict[str, Spectrum] = {
    "real and imaginary parts swapped": parts_swapped,
    "spectrum planar instead of interleaved": planar,
    "columns 0 and w/2 not made Hermitian": half_of_edge_columns,
    "inverse transform off by 1%": partial(scaled, 1.01),
    "inverse transform off by 10%": partial(scaled, 1.1),
    "forward transform as the inverse": backwards,
    "spectrum without its ReLU": without_relu,
    "spectrum clipped at 1000": partial(clipped_spectrum, 1000.0),
}


def changes(unit_count: int, block_count: int) -> dict[str, Change]:
    """Of a Fourier generator with so many units and blocks, by name."""
    return {
        **{f"Fourier unit {n + 1} zeroed": partial(unit_zeroed, n) for n in range(unit_count)},
        "all Fourier units zeroed": partial(unit_zeroed, None),
        **{name: partial(units_computing, forward) for name, forward in SPECTRA.items()},
        "spectral transforms without their residual": without_residual,
        "global path zeroed": partial(path_zeroed, "convg2g"),
        "local to global path zeroed": partial(path_zeroed, "convl2g"),
        **{f"block {n + 1} dropped": partial(block_dropped, n) for n in range(block_count)},
        "a layer's inputs taken for its outputs": inputs_as_outputs,
        "taps of the local path transposed": taps_transposed,
        "bias of the stem lost": partial(bias_lost, lambda g: g.model[1].bn_l),
        "bias of a trunk layer lost": partial(bias_lost, lambda g: block(g, 2).conv2.bn_g),
        "bias of the head lost": partial(bias_lost, head),
        "BN folded with epsilon 1e-3": partial(epsilon, 1e-3),
        "BN folded with epsilon 1e-2": partial(epsilon, 1e-2),
        "BN of the stem by batch statistics": batch_statistics,
        "a local channel zeroed": partial(channel_zeroed, "bn_l"),
        "a global channel zeroed": partial(channel_zeroed, "bn_g"),
        "a channel before the decoder zeroed": input_channel_zeroed,
        "reflect padding replaced by zeros": zero_padded,
        "reflect padding of the head replaced by zeros": head_zero_padded,
        "decoder near holes without a halo": partial(decoded_near_holes, 0, 0),
        "decoder near holes put back one cell off": partial(decoded_near_holes, 2, 1),
        "weights in 6 bits": partial(weights_in_bits, 6),
        "weights in 5 bits": partial(weights_in_bits, 5),
        "weights in 4 bits": partial(weights_in_bits, 4),
        "a tenth of the weights pruned": partial(pruned, 0.1),
        "a quarter of the weights pruned": partial(pruned, 0.25),
        "overflow clipped, at half the largest value": partial(trunk_clipped, 0.5),
        "overflow clipped, at a quarter of it": partial(trunk_clipped, 0.25),
    }
