"""The layers that every generator is written from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.builder import GraphBuilder

END = 2**31 - 1  # "to the end" in a slice


class Layers:
    """Appends layers to a graph. Initialisers keep the official key of the weight they were folded from."""

    def __init__(self, graph: GraphBuilder, config: GeneratorConfig, state_dict: Mapping[str, Array]) -> None:
        self.graph = graph
        self.config = config
        self.weights = FoldedWeights(state_dict)

    def conv(
        self, x: str, key: str, *, name: str, bn: str | None = None, bias: Array | None = None, **attrs: Any
    ) -> str:
        """A convolution with `bn` folded into its weight, and `bias` if given."""
        weight = self.weights.weight(key, bn)
        inputs = [x, self.graph.constant(f"{key}.weight", weight)]
        if bias is not None:
            inputs.append(self.graph.bias(f"{key}.bias", bias))
        return self.graph.op("Conv", *inputs, name=name, kernel_shape=list(weight.shape[2:]), **attrs)

    def conv_bn(self, x: str, key: str, bn: str, *, name: str, **attrs: Any) -> str:
        return self.conv(x, key, name=name, bn=bn, bias=self.weights.bias(key, bn=bn), **attrs)

    def conv_bn_relu(self, x: str, key: str, bn: str, **attrs: Any) -> str:
        return self.relu(self.conv_bn(x, key, bn, name="conv", **attrs))

    def relu(self, x: str) -> str:
        return self.graph.op("Relu", x, name="relu")

    def reflect_pad(self, x: str, begin: int, end: int | None = None) -> str:
        """Pad height and width by `begin` on the top and left and by `end` (default: `begin`) on the others."""
        last = begin if end is None else end
        return self.reflect_pad_sides(x, begin, begin, last, last)

    def reflect_pad_sides(self, x: str, top: int, left: int, bottom: int, right: int) -> str:
        pads = self.graph.ints(0, 0, top, left, 0, 0, bottom, right)
        return self.graph.op("Pad", x, pads, mode="reflect", name="pad")

    def slice(self, x: str, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...]) -> str:
        g = self.graph
        return g.op("Slice", x, g.ints(*starts), g.ints(*ends), g.ints(*axes), name="slice")
