"""The Fourier generator's layers up to the trunk's end (official `FFCResNetGenerator`)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.variants import STEM_PADDING, GeneratorConfig
from lama_export.fold import Array
from lama_export.graph import DOMAIN, GraphBuilder
from lama_export.layers import Layers
from lama_export.spectral import DFT_MATRICES, MATRIX_NAMES, SPECTRAL_CONV

Branches = tuple[str, str]
END = 2**31 - 1  # "to the end" in a Slice


class FFCLayers(Layers):
    """Stem, downsamplings and FFC residual blocks."""

    def __init__(
        self,
        graph: GraphBuilder,
        config: GeneratorConfig,
        state_dict: Mapping[str, Array],
        *,
        with_matrices: bool,
        strips: bool,
    ) -> None:
        super().__init__(graph, config, state_dict)
        self._with_matrices = with_matrices
        self._strips = strips
        self._matrices: list[str] = []

    def emit(self, x: str) -> str:
        """(N, 4, H, W) -> the trunk's output, both branches concatenated."""
        x = self.reflect_pad(x, STEM_PADDING)
        local, global_ = self._front_of_strips(x) if self._strips else self._front(x)
        first = self.config.downsamplings + 2
        for block in range(self.config.blocks):
            with self.graph.scope(f"block{block + 1:02d}"):
                local, global_ = self._block(local, global_, f"model.{first + block}")
        return self.graph.op("Concat", local, global_, axis=1, name="branches")

    # -- stem and downsamplings ---------------------------------------------------------------------------------

    def _front(self, x: str) -> Branches:
        with self.graph.scope("front"):
            return self._down(x, padded=True)

    def _front_of_strips(self, x: str) -> Branches:
        """The layers down to the latent, without padding any large map.

        Reflect padding of a stride-2 layer with even input reaches only its first row and column, and so only the
        latent's first row and column. These come from strips of the image, run with padding; the rest from the whole
        image, run without. Padding everything would copy, on a CPU also reorder, the network's largest maps.
        """
        strip = self.config.multiple + 2 * STEM_PADDING  # pixels that one latent row or column is made from
        with self.graph.scope("front"):
            inner = self._down(self._slice(x, (1, 1), (END, END), (2, 3)), padded=False)
        with self.graph.scope("front_top"):
            top = self._down(self._slice(x, (0,), (strip,), (2,)), padded=True)
        with self.graph.scope("front_left"):
            left = self._down(self._slice(x, (0,), (strip,), (3,)), padded=True)
        with self.graph.scope("front"):
            local, global_ = (self._assemble(*parts) for parts in zip(top, left, inner, strict=True))
        return local, global_

    def _down(self, x: str, *, padded: bool) -> Branches:
        with self.graph.scope("stem"):
            x = self.conv_bn_relu(x, "model.1.ffc.convl2l", "model.1.bn_l")
        last = self.config.downsamplings + 1
        for index in range(2, last):
            with self.graph.scope(f"down{index - 1}"):
                x = self.reflect_pad(x, 1, 0) if padded else x
                x = self.conv_bn_relu(x, f"model.{index}.ffc.convl2l", f"model.{index}.bn_l", strides=[2, 2])
        with self.graph.scope(f"down{last - 1}"):
            x = self.reflect_pad(x, 1, 0) if padded else x
            ffc, bn_l, bn_g = f"model.{last}.ffc", f"model.{last}.bn_l", f"model.{last}.bn_g"
            local = self.conv_bn(x, f"{ffc}.convl2l", bn_l, name="l2l", strides=[2, 2])
            global_ = self.conv_bn(x, f"{ffc}.convl2g", bn_g, name="l2g", strides=[2, 2])
            return self.relu(local), self.relu(global_)

    def _assemble(self, top: str, left: str, inner: str) -> str:
        """(1, w) on top of (h, 1) without its first row, beside (h - 1, w - 1)."""
        lower_left = self._slice(left, (1,), (END,), (2,))
        lower = self.graph.op("Concat", lower_left, inner, axis=3, name="lower")
        return self.graph.op("Concat", top, lower, axis=2, name="latent")

    def _slice(self, x: str, starts: tuple[int, ...], ends: tuple[int, ...], axes: tuple[int, ...]) -> str:
        g = self.graph
        return g.op("Slice", x, g.ints(*starts), g.ints(*ends), g.ints(*axes), name="slice")

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
