"""The layers up to the trunk's end of the generators without Fourier units (official `GlobalGenerator`)."""

from __future__ import annotations

from lama_deploy.checkpoints.topology import Stage
from lama_deploy.variants import STEM_PADDING
from lama_export.graph.layers import Layers


class Pix2PixHDLayers(Layers):
    """Stem, zero-padded downsamplings and regular or multi-dilated residual blocks."""

    def emit(self, x: str) -> str:
        """(N, 4, H, W) -> the trunk's output."""
        stem, *downs = self.topology.front
        with self.graph.scope(stem.name):
            x = self.conv_bn_relu(self.reflect_pad(x, STEM_PADDING), *stem.layers)
        for down in downs:
            with self.graph.scope(down.name):
                x = self.conv_bn_relu(x, *down.layers, strides=[2, 2], pads=[1, 1, 1, 1])
        half = self._multidilated if self.config.kind == "dilated" else self._regular
        for block in self.topology.blocks:
            first, second = block.stages
            with self.graph.scope(block.name):
                x = self.graph.op("Add", x, half(self.relu(half(x, first)), second), name="sum")
        return x

    def _regular(self, x: str, stage: Stage) -> str:
        return self.conv_bn(self.reflect_pad(x, 1), *stage.layers)

    def _multidilated(self, x: str, stage: Stage) -> str:
        """Sum over branches; the biases of all branches are folded into the first."""
        outputs = [f"in{layer.dilation}" for layer in stage.layers]
        with self.graph.scope(stage.name.rpartition("/")[2]):
            parts = self.graph.split(x, 1, outputs)
            total = ""
            for part, layer in zip(parts, stage.layers, strict=True):
                bias = None if total else self.weights.bias(*stage.layers)
                y = self.conv(self.reflect_pad(part, layer.padding), layer, bias=bias, dilations=[layer.dilation] * 2)
                total = self.graph.op("Add", total, y, name="sum") if total else y
        return total
