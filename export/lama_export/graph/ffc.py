"""The Fourier generator's layers up to the trunk's end (official `FFCResNetGenerator`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.topology import Block, Layer, Stage
from lama_deploy.variants import STEM_PADDING, GeneratorConfig
from lama_export.graph.builder import DOMAIN, GraphBuilder
from lama_export.graph.layers import END, Layers, node_name
from lama_export.graph.spectral import DFT_MATRICES, MATRIX_NAMES, SPECTRAL_CONV

Branches = tuple[str, str]


class FFCLayers(Layers):
    """Stem, downsamplings and FFC residual blocks."""

    def __init__(
        self,
        graph: GraphBuilder,
        config: GeneratorConfig,
        state_dict: Mapping[str, Array],
        basic: bool,
        *,
        with_matrices: bool,
    ) -> None:
        super().__init__(graph, config, state_dict, basic)
        self._with_matrices = with_matrices
        self._matrices: list[str] = []

    def emit(self, x: str) -> str:
        """(N, 4, H, W) -> the trunk's output, both branches concatenated."""
        local, global_ = self._front(self.reflect_pad(x, STEM_PADDING))
        for block in self.topology.blocks:
            local, global_ = self._block(local, global_, block)
        return self.graph.op("Concat", local, global_, axis=1, name="branches")

    # -- stem and downsamplings ---------------------------------------------------------------------------------

    def _front(self, x: str) -> Branches:
        """The layers down to the latent, without reflect padding of any large map.

        Reflect padding of a stride-2 layer with even input reaches only its first row and column, and so only the
        latent's first row and column. These come from strips of the image; the rest from the whole image, padded with
        zeros, which costs convolutions nothing. Reflecting everything would copy, on a CPU also reorder, the network's
        largest maps. The strip on the left is two latent columns wide: oneDNN computes a single one wrong in bf16.
        """
        latent = self.config.multiple  # pixels that one latent row or column is made from, with the stem's padding
        with self.graph.scope("front"):
            whole = self._down(x, reflect=False)
        with self.graph.scope("front_top"):
            top = self._down(self.slice(x, (0,), (latent + 2 * STEM_PADDING,), (2,)), reflect=True)
        with self.graph.scope("front_left"):
            left = self._down(self.slice(x, (0,), (2 * latent + 2 * STEM_PADDING,), (3,)), reflect=True)
        with self.graph.scope("front"):
            local, global_ = (self._assemble(*parts) for parts in zip(whole, top, left, strict=True))
        return local, global_

    def _down(self, x: str, *, reflect: bool) -> Branches:
        stem, *downs, split = self.topology.front
        with self.graph.scope(stem.name):
            x = self.conv_bn_relu(x, *stem.layers)
        for down in downs:
            with self.graph.scope(down.name):
                x, attrs = self._pad_down(x, reflect=reflect)
                x = self.conv_bn_relu(x, down.layers[0], **attrs)
        with self.graph.scope(split.name):
            x, attrs = self._pad_down(x, reflect=reflect)
            local, global_ = (self.conv_bn(x, layer, **attrs) for layer in split.layers)
            return self.relu(local), self.relu(global_)

    def _pad_down(self, x: str, *, reflect: bool) -> tuple[str, dict[str, list[int]]]:
        """A downsampling's input, and its convolution's attributes."""
        if reflect:
            return self.reflect_pad(x, 1, 0), {"strides": [2, 2]}
        return x, {"strides": [2, 2], "pads": [1, 1, 0, 0]}

    def _assemble(self, whole: str, top: str, left: str) -> str:
        """`whole` with its first row and column replaced."""
        lower_left = self.slice(left, (1, 0), (END, 1), (2, 3))
        lower_right = self.slice(whole, (1, 1), (END, END), (2, 3))
        lower = self.graph.op("Concat", lower_left, lower_right, axis=3, name="lower")
        return self.graph.op("Concat", top, lower, axis=2, name="latent")

    # -- trunk --------------------------------------------------------------------------------------------------

    def _block(self, local: str, global_: str, block: Block) -> Branches:
        y_l, y_g = local, global_
        for stage in block.stages:
            with self.graph.scope(stage.name):
                y_l, y_g = self._ffc(y_l, y_g, stage)
        with self.graph.scope(block.name):
            return self.graph.op("Add", local, y_l, name="local"), self.graph.op("Add", global_, y_g, name="global")

    def _ffc(self, x_l: str, x_g: str, stage: Stage) -> Branches:
        """y_l = relu(bn_l(l2l + g2l)), y_g = relu(bn_g(l2g + g2g)); BN is folded into all four paths."""
        l2l, l2g, g2l, *g2g = stage.layers
        local, global_ = l2l.channels, l2g.channels
        padded_l, padded_g = self.reflect_pad(x_l, 1), self.reflect_pad(x_g, 1)
        from_l = self._latent(self.conv_bn(padded_l, l2l), local)
        from_g = self._latent(self.conv(padded_g, g2l), local)
        y_l = self.relu(self.graph.op("Add", from_l, from_g, name="local"))
        from_l = self._latent(self.conv_bn(padded_l, l2g), global_)
        with self.graph.scope("g2g"):
            from_g = self._latent(self._spectral_transform(x_g, *g2g), global_)
        return y_l, self.relu(self.graph.op("Add", from_l, from_g, name="global"))

    def _latent(self, x: str, channels: int) -> str:
        """State that `x` is (N, channels, h, w). ONNX Runtime fuses additions only where shapes are provably equal."""
        return self.graph.annotate(x, ["N", channels, "latent_h", "latent_w"])

    def _spectral_transform(self, x: str, conv1: Layer, unit: Layer, conv2: Layer) -> str:
        x = self.relu(self.conv_bn(x, conv1))
        return self.conv(self.graph.op("Add", x, self._fourier_unit(x, unit), name="residual"), conv2)

    def _fourier_unit(self, x: str, unit: Layer) -> str:
        """In the graph's dtype with matrices; by DFT operators in float32, since engines have no other."""
        g, name = self.graph, node_name(unit)
        dtype = g.dtype if self._with_matrices else np.float32
        weight = g.constant(f"{unit.conv}.weight", self.weights.weight(unit), dtype)
        bias = g.constant(f"{unit.conv}.bias", self.weights.bias(unit), dtype)
        if self._with_matrices:
            return g.op(SPECTRAL_CONV, x, weight, bias, *self._dft_matrices(x), name=name, domain=DOMAIN)
        return g.to_dtype(g.op(SPECTRAL_CONV, g.to_float32(x), weight, bias, name=name, domain=DOMAIN))

    def _dft_matrices(self, latent: str) -> list[str]:
        """One node for the whole graph: every unit sees the same latent size. Computed in float32 whatever follows."""
        g = self.graph
        if not self._matrices:
            matrices = g.multi_op(DFT_MATRICES, latent, outputs=MATRIX_NAMES, name="dft", domain=DOMAIN)
            self._matrices = [g.to_dtype(matrix) for matrix in matrices]
        return self._matrices
