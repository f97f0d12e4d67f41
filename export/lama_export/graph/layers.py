"""The layers that every generator is written from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import FoldedWeights
from lama_deploy.checkpoints.topology import Layer, topology
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.builder import GraphBuilder

END = 2**31 - 1  # "to the end" in a slice


def node_name(layer: Layer) -> str:
    """Inside the scopes that are open where it is emitted."""
    return layer.name.rpartition("/")[2]


class Layers:
    """Appends layers to a graph. Initialisers keep the official key of the weight they were folded from.

    basic: write reflect padding as slices put together, and pixels out of channels as a transposition, for engines
    without these operators, or with wrong ones (IREE 3.13 refuses the first, and computes another second).
    """

    def __init__(
        self, graph: GraphBuilder, config: GeneratorConfig, state_dict: Mapping[str, Array], basic: bool = False
    ) -> None:
        self.graph = graph
        self._basic = basic
        self.config = config
        self.topology = topology(config)
        self.weights = FoldedWeights(state_dict)

    def conv(self, x: str, layer: Layer, *, bias: Array | None = None, **attrs: Any) -> str:
        """A convolution with its BN folded into its weight, and `bias` if given."""
        inputs = [x, self.graph.constant(f"{layer.conv}.weight", self.weights.weight(layer))]
        if bias is not None:
            inputs.append(self.graph.bias(f"{layer.conv}.bias", bias))
        return self.graph.op("Conv", *inputs, name=node_name(layer), kernel_shape=[layer.kernel] * 2, **attrs)

    def conv_bn(self, x: str, layer: Layer, **attrs: Any) -> str:
        return self.conv(x, layer, bias=self.weights.bias(layer), **attrs)

    def conv_bn_relu(self, x: str, layer: Layer, **attrs: Any) -> str:
        return self.relu(self.conv_bn(x, layer, **attrs))

    def relu(self, x: str) -> str:
        return self.graph.op("Relu", x, name="relu")

    def reflect_pad(self, x: str, begin: int, end: int | None = None) -> str:
        """Pad height and width by `begin` on the top and left and by `end` (default: `begin`) on the others."""
        last = begin if end is None else end
        return self.reflect_pad_sides(x, begin, begin, last, last)

    def reflect_pad_sides(self, x: str, top: int, left: int, bottom: int, right: int) -> str:
        if self._basic:
            return self._reflected_axis(self._reflected_axis(x, top, bottom, 2, "pad_rows"), left, right, 3, "pad")
        pads = self.graph.ints(0, 0, top, left, 0, 0, bottom, right)
        return self.graph.op("Pad", x, pads, mode="reflect", name="pad")

    def _reflected_axis(self, x: str, before: int, after: int, axis: int, name: str) -> str:
        firsts = [self.slice(x, (i,), (i + 1,), (axis,)) for i in range(before, 0, -1)]
        lasts = [self.slice(x, (-1 - i,), (-i,), (axis,)) for i in range(1, after + 1)]
        return self.graph.op("Concat", *firsts, x, *lasts, axis=axis, name=name) if firsts or lasts else x

    def pixels_from_channels(self, x: str) -> str:
        """(N, 4 C, h, w), outputs ordered (C, row, column), -> (N, C, 2h, 2w)."""
        g = self.graph
        if not self._basic:
            return g.op("DepthToSpace", x, blocksize=2, mode="CRD", name="pixels")
        batch, sides = g.dims(x, 0, 1), g.dims(x, 2, 4)
        apart = g.op("Reshape", x, g.op("Concat", batch, g.ints(-1, 2, 2), sides, axis=0), name="channels")
        rows = g.op("Transpose", apart, perm=[0, 1, 4, 2, 5, 3], name="rows")
        doubled = g.op("Mul", sides, g.ints(2))
        return g.op("Reshape", rows, g.op("Concat", batch, g.ints(-1), doubled, axis=0), name="pixels")

    def slice(self, x: str, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...]) -> str:
        g = self.graph
        return g.op("Slice", x, g.ints(*starts), g.ints(*ends), g.ints(*axes), name="slice")
