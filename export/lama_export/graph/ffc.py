"""The Fourier generator's layers up to the trunk's end (official `FFCResNetGenerator`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.variants import STEM_PADDING, GeneratorConfig
from lama_export.graph.builder import DOMAIN, GraphBuilder
from lama_export.graph.layers import END, Layers
from lama_export.graph.spectral import DFT_MATRICES, MATRIX_NAMES, SPECTRAL_CONV

Branches = tuple[str, str]


class FFCLayers(Layers):
    """Stem, downsamplings and FFC residual blocks."""

    def __init__(
        self,
        graph: GraphBuilder,
        config: GeneratorConfig,
        state_dict: Mapping[str, Array],
        *,
        with_matrices: bool,
    ) -> None:
        super().__init__(graph, config, state_dict)
        self._with_matrices = with_matrices
        self._matrices: list[str] = []

    def emit(self, x: str) -> str:
        """(N, 4, H, W) -> the trunk's output, both branches concatenated."""
        local, global_ = self._front(self.reflect_pad(x, STEM_PADDING))
        first = self.config.downsamplings + 2
        for block in range(self.config.blocks):
            with self.graph.scope(f"block{block + 1:02d}"):
                local, global_ = self._block(local, global_, f"model.{first + block}")
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
        with self.graph.scope("stem"):
            x = self.conv_bn_relu(x, "model.1.ffc.convl2l", "model.1.bn_l")
        last = self.config.downsamplings + 1
        for index in range(2, last):
            with self.graph.scope(f"down{index - 1}"):
                x, attrs = self._pad_down(x, reflect=reflect)
                x = self.conv_bn_relu(x, f"model.{index}.ffc.convl2l", f"model.{index}.bn_l", **attrs)
        with self.graph.scope(f"down{last - 1}"):
            x, attrs = self._pad_down(x, reflect=reflect)
            ffc, bn_l, bn_g = f"model.{last}.ffc", f"model.{last}.bn_l", f"model.{last}.bn_g"
            local = self.conv_bn(x, f"{ffc}.convl2l", bn_l, name="l2l", **attrs)
            global_ = self.conv_bn(x, f"{ffc}.convl2g", bn_g, name="l2g", **attrs)
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

    def _block(self, local: str, global_: str, key: str) -> Branches:
        y_l, y_g = local, global_
        for name in ("conv1", "conv2"):
            with self.graph.scope(name):
                y_l, y_g = self._ffc(y_l, y_g, f"{key}.{name}")
        return self.graph.op("Add", local, y_l, name="local"), self.graph.op("Add", global_, y_g, name="global")

    def _ffc(self, x_l: str, x_g: str, key: str) -> Branches:
        """y_l = relu(bn_l(l2l + g2l)), y_g = relu(bn_g(l2g + g2g)); BN is folded into all four paths."""
        ffc, bn_l, bn_g = f"{key}.ffc", f"{key}.bn_l", f"{key}.bn_g"
        local, global_ = self.config.local_channels, self.config.global_channels
        padded_l, padded_g = self.reflect_pad(x_l, 1), self.reflect_pad(x_g, 1)
        l2l = self._latent(self.conv_bn(padded_l, f"{ffc}.convl2l", bn_l, name="l2l"), local)
        g2l = self._latent(self.conv(padded_g, f"{ffc}.convg2l", name="g2l", bn=bn_l), local)
        y_l = self.relu(self.graph.op("Add", l2l, g2l, name="local"))
        l2g = self._latent(self.conv_bn(padded_l, f"{ffc}.convl2g", bn_g, name="l2g"), global_)
        with self.graph.scope("g2g"):
            g2g = self._latent(self._spectral_transform(x_g, f"{ffc}.convg2g", bn_g), global_)
        return y_l, self.relu(self.graph.op("Add", l2g, g2g, name="global"))

    def _latent(self, x: str, channels: int) -> str:
        """State that `x` is (N, channels, h, w). ONNX Runtime fuses additions only where shapes are provably equal."""
        return self.graph.annotate(x, ["N", channels, "latent_h", "latent_w"])

    def _spectral_transform(self, x: str, key: str, bn_after: str) -> str:
        x = self.relu(self.conv_bn(x, f"{key}.conv1.0", f"{key}.conv1.1", name="conv1"))
        unit = self.graph.op("Add", x, self._fourier_unit(x, f"{key}.fu"), name="residual")
        return self.conv(unit, f"{key}.conv2", name="conv2", bn=bn_after)

    def _fourier_unit(self, x: str, key: str) -> str:
        """In the graph's dtype with matrices; by DFT operators in float32, since engines have no other."""
        g, conv, bn = self.graph, f"{key}.conv_layer", f"{key}.bn"
        dtype = g.dtype if self._with_matrices else np.float32
        weight = g.constant(f"{conv}.weight", self.weights.weight(conv, bn), dtype)
        bias = g.constant(f"{conv}.bias", self.weights.bias(conv, bn=bn), dtype)
        if self._with_matrices:
            return g.op(SPECTRAL_CONV, x, weight, bias, *self._dft_matrices(x), name="fourier_unit", domain=DOMAIN)
        return g.to_dtype(g.op(SPECTRAL_CONV, g.to_float32(x), weight, bias, name="fourier_unit", domain=DOMAIN))

    def _dft_matrices(self, latent: str) -> list[str]:
        """One node for the whole graph: every unit sees the same latent size. Computed in float32 whatever follows."""
        g = self.graph
        if not self._matrices:
            matrices = g.multi_op(DFT_MATRICES, latent, outputs=MATRIX_NAMES, name="dft", domain=DOMAIN)
            self._matrices = [g.to_dtype(matrix) for matrix in matrices]
        return self._matrices
