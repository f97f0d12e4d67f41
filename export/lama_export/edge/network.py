"""A generator layer by layer, for any writer of convolutions: what LiteRT's and Core ML's files have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Generic, Protocol, TypeVar

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights, pixels_of_bias, pixels_of_weight
from lama_deploy.checkpoints.topology import Block, Layer, Stage, topology
from lama_deploy.variants import STEM_PADDING, GeneratorConfig

V = TypeVar("V")  # how a writer names a value


class Operators(Protocol[V]):
    """What a writer can append. Weights are as PyTorch has them, in float64; how maps are laid out is its own."""

    def conv(
        self,
        name: str,
        x: V,
        weight: Array,
        bias: Array | None,
        *,
        stride: int = 1,
        dilation: int = 1,
        zeros: int = 0,
        relu: bool = False,
    ) -> V:
        """zeros: rows and columns of padding on each side."""
        ...

    def double(self, name: str, x: V, weight: Array, bias: Array) -> V:
        """The transposed 3x3 convolution that doubles a map, and ReLU."""
        ...

    def reflect(self, name: str, x: V, begin: int, end: int) -> V:
        """Reflect padding by `begin` cells on the top and left and by `end` on the others."""
        ...

    def add(self, name: str, a: V, b: V, *, relu: bool = False) -> V: ...

    def concat(self, name: str, parts: Sequence[V]) -> V:
        """Of channels."""
        ...

    def split(self, name: str, x: V, parts: int) -> Sequence[V]:
        """Channels in equal parts."""
        ...

    def fourier_unit(self, name: str, x: V, weight: Array, bias: Array) -> V:
        """weight (2C, 2C, 1, 1), bias (2C,) over channels Re0, Im0, ..; as `spectral.spectral_conv_reference`."""
        ...

    def pixels(self, name: str, x: V, weight: Array, bias: Array) -> V:
        """A convolution of stride 2 whose outputs are (channel, row, column) of 2x2 pixels, put where they belong."""
        ...

    def sigmoid(self, name: str, x: V) -> V: ...


class Network(Generic[V]):
    """Appends a generator. Layers have the names of the ONNX file's nodes."""

    def __init__(self, ops: Operators[V], config: GeneratorConfig, state_dict: Mapping[str, Array]) -> None:
        self.ops, self._config = ops, config
        self._weights, self._topology = FoldedWeights(state_dict), topology(config)

    def emit(self, x: V) -> V:
        """The masked image and its hole (4 channels) -> the picture (3 channels in (0, 1))."""
        x = self._ffc_trunk(x) if self._config.kind == "ffc" else self._plain_trunk(x)
        for up in self._topology.ups:
            layer = up.layers[0]
            x = self.ops.double(layer.name, x, self._weights.weight(layer), self._weights.bias(layer))
        return self._head(x, self._topology.head)

    def _ffc_trunk(self, x: V) -> V:
        *front, split = self._topology.front
        for stage in front:
            x = self._padded_conv(x, *stage.layers, relu=True)
        padded = self._reflect(x, split.layers[0], f"{split.name}/pad")
        local, global_ = (self._conv(padded, layer, self._weights.bias(layer), relu=True) for layer in split.layers)
        for block in self._topology.blocks:
            y_l, y_g = local, global_
            for stage in block.stages:
                y_l, y_g = self._ffc(y_l, y_g, stage)
            local = self.ops.add(f"{block.name}/local", local, y_l)
            global_ = self.ops.add(f"{block.name}/global", global_, y_g)
        return self.ops.concat("branches", [local, global_])

    def _ffc(self, x_l: V, x_g: V, stage: Stage) -> tuple[V, V]:
        l2l, l2g, g2l, *g2g = stage.layers
        padded_l = self.ops.reflect(f"{stage.name}/pad_local", x_l, 1, 1)
        padded_g = self.ops.reflect(f"{stage.name}/pad_global", x_g, 1, 1)
        from_l, from_g = self._conv(padded_l, l2l, self._weights.bias(l2l)), self._conv(padded_g, g2l)
        y_l = self.ops.add(f"{stage.name}/local", from_l, from_g, relu=True)
        from_l, from_g = self._conv(padded_l, l2g, self._weights.bias(l2g)), self._spectral(x_g, *g2g)
        return y_l, self.ops.add(f"{stage.name}/global", from_l, from_g, relu=True)

    def _spectral(self, x: V, conv1: Layer, unit: Layer, conv2: Layer) -> V:
        x = self._conv(x, conv1, self._weights.bias(conv1), relu=True)
        y = self.ops.fourier_unit(unit.name, x, self._weights.weight(unit), self._weights.bias(unit))
        return self._conv(self.ops.add(f"{unit.name}/residual", x, y), conv2)

    def _plain_trunk(self, x: V) -> V:
        stem, *downs = self._topology.front
        x = self._padded_conv(x, *stem.layers, relu=True)
        for down in downs:
            layer = down.layers[0]
            x = self._conv(x, layer, self._weights.bias(layer), zeros=layer.padding, relu=True)
        for block in self._topology.blocks:
            x = self._plain_block(x, block)
        return x

    def _plain_block(self, x: V, block: Block) -> V:
        half = self._multidilated if self._config.kind == "dilated" else self._regular
        first, second = block.stages
        return self.ops.add(f"{block.name}/sum", x, half(half(x, first, relu=True), second, relu=False))

    def _regular(self, x: V, stage: Stage, *, relu: bool) -> V:
        return self._padded_conv(x, *stage.layers, relu=relu)

    def _multidilated(self, x: V, stage: Stage, *, relu: bool) -> V:
        """Sum over branches; the biases of all branches are folded into the first."""
        layers = stage.layers
        parts = self.ops.split(f"{stage.name}/split", x, len(layers))
        padded = [self._reflect(part, layer) for part, layer in zip(parts, layers, strict=True)]
        total = self._conv(padded[0], layers[0], self._weights.bias(*layers))
        for x, layer in zip(padded[1:], layers[1:], strict=True):
            last = layer is layers[-1]
            total = self.ops.add(f"{layer.name}/sum", total, self._conv(x, layer), relu=relu and last)
        return total

    def _head(self, x: V, layer: Layer) -> V:
        """For 2x2 pixels at once, as the ONNX file's (`graph.generator`)."""
        x = self.ops.reflect("head/pad", x, STEM_PADDING, STEM_PADDING)
        weight, bias = pixels_of_weight(self._weights.weight(layer)), pixels_of_bias(self._weights.bias(layer))
        return self.ops.sigmoid("head/sigmoid", self.ops.pixels(layer.name, x, weight, bias))

    def _padded_conv(self, x: V, layer: Layer, *, relu: bool) -> V:
        return self._conv(self._reflect(x, layer), layer, self._weights.bias(layer), relu=relu)

    def _reflect(self, x: V, layer: Layer, name: str = "") -> V:
        """Of even maps a convolution of stride 2 reads no padding at the end."""
        end = 0 if layer.stride == 2 else layer.padding
        return self.ops.reflect(name or f"{layer.name}/pad", x, layer.padding, end)

    def _conv(self, x: V, layer: Layer, bias: Array | None = None, **how: Any) -> V:
        shape: dict[str, Any] = {"stride": layer.stride, "dilation": layer.dilation}
        return self.ops.conv(layer.name, x, self._weights.weight(layer), bias, **shape, **how)
