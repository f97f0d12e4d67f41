"""The layers up to the trunk's end of the generators without Fourier units (official `GlobalGenerator`)."""

from __future__ import annotations

from lama_deploy.variants import DILATIONS, STEM_PADDING
from lama_export.graph.layers import Layers


class Pix2PixHDLayers(Layers):
    """Stem, zero-padded downsamplings and regular or multi-dilated residual blocks."""

    def emit(self, x: str) -> str:
        """(N, 4, H, W) -> the trunk's output."""
        with self.graph.scope("stem"):
            x = self.conv_bn_relu(self.reflect_pad(x, STEM_PADDING), "model.1", "model.2")
        index = 4
        for level in range(self.config.downsamplings):
            with self.graph.scope(f"down{level + 1}"):
                key, bn = f"model.{index}", f"model.{index + 1}"
                x = self.conv_bn_relu(x, key, bn, strides=[2, 2], pads=[1, 1, 1, 1])
            index += 3
        block_of = self._dilated_block if self.config.kind == "dilated" else self._resnet_block
        for block in range(self.config.blocks):
            with self.graph.scope(f"block{block + 1:02d}"):
                x = self.graph.op("Add", x, block_of(x, f"model.{index + block}.conv_block"), name="sum")
        return x

    def _resnet_block(self, x: str, key: str) -> str:
        x = self.relu(self.conv_bn(self.reflect_pad(x, 1), f"{key}.1", f"{key}.2", name="conv1"))
        return self.conv_bn(self.reflect_pad(x, 1), f"{key}.5", f"{key}.6", name="conv2")

    def _dilated_block(self, x: str, key: str) -> str:
        x = self.relu(self._multidilated(x, f"{key}.0", f"{key}.1", "conv1"))
        return self._multidilated(x, f"{key}.3", f"{key}.4", "conv2")

    def _multidilated(self, x: str, key: str, bn: str, name: str) -> str:
        """Sum over branches; the biases of all branches are folded into the first."""
        keys = [f"{key}.convs.{branch}" for branch in range(len(DILATIONS))]
        outputs = [f"in{d}" for d in DILATIONS]
        with self.graph.scope(name):
            parts = self.graph.multi_op("Split", x, outputs=outputs, name="split", axis=1, num_outputs=len(DILATIONS))
            total = ""
            for part, conv, dilation in zip(parts, keys, DILATIONS, strict=True):
                bias = None if total else self.weights.bias(*keys, bn=bn)
                padded = self.reflect_pad(part, dilation)
                dilations = [dilation, dilation]
                y = self.conv(padded, conv, name=f"dilation{dilation}", bn=bn, bias=bias, dilations=dilations)
                total = self.graph.op("Add", total, y, name="sum") if total else y
        return total
