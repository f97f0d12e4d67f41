"""The generators as ONNX nodes: (N, 4, H, W) -> (N, 3, H, W), H and W dynamic multiples of 8, float32."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from lama_deploy.variants import DILATIONS, STEM_PADDING, GeneratorConfig
from lama_export.fold import Array, FoldedWeights
from lama_export.graph import DOMAIN, GraphBuilder
from lama_export.spectral import DFT_MATRICES, MATRIX_NAMES, SPECTRAL_CONV


class GeneratorEmitter:
    """Writes one generator into a graph. Initialisers keep the official key of the weight they were folded from."""

    def __init__(
        self, graph: GraphBuilder, config: GeneratorConfig, state_dict: Mapping[str, Array], with_matrices: bool
    ) -> None:
        self.graph = graph
        self.config = config
        self.weights = FoldedWeights(state_dict)
        self._with_matrices = with_matrices
        self._matrices: list[str] = []

    def emit(self, x: str) -> str:
        """Append the whole generator behind value `x`; return the name of its output, in (0, 1)."""
        with self.graph.scope("generator"):
            if self.config.kind == "ffc":
                x, index = self._ffc_front(x)
            else:
                x, index = self._pix2pixhd_front(x)
            x, index = self._up(x, index)
            return self._head(x, index + 1)

    # -- layers -------------------------------------------------------------------------------------------------

    def conv(
        self, x: str, key: str, *, name: str, bn: str | None = None, bias: Array | None = None, **attrs: Any
    ) -> str:
        """A convolution with `bn` folded into its weight, and `bias` if given."""
        weight = self.weights.weight(key, bn)
        inputs = [x, self.graph.constant(f"{key}.weight", weight)]
        if bias is not None:
            inputs.append(self.graph.constant(f"{key}.bias", bias))
        return self.graph.op("Conv", *inputs, name=name, kernel_shape=list(weight.shape[2:]), **attrs)

    def relu(self, x: str) -> str:
        return self.graph.op("Relu", x, name="relu")

    def latent(self, x: str, channels: int) -> str:
        """State that `x` is (N, channels, h, w). ONNX Runtime fuses additions only where shapes are provably equal."""
        return self.graph.annotate(x, ["N", channels, "latent_h", "latent_w"])

    def reflect_pad(self, x: str, padding: int) -> str:
        pads = self.graph.ints(0, 0, padding, padding, 0, 0, padding, padding)
        return self.graph.op("Pad", x, pads, mode="reflect", name="pad")

    def conv_bn(self, x: str, key: str, bn: str, *, name: str, **attrs: Any) -> str:
        return self.conv(x, key, name=name, bn=bn, bias=self.weights.bias(key, bn=bn), **attrs)

    # -- FFC ----------------------------------------------------------------------------------------------------

    def _ffc_front(self, x: str) -> tuple[str, int]:
        with self.graph.scope("stem"):
            x = self.reflect_pad(x, STEM_PADDING)
            x = self.relu(self.conv_bn(x, "model.1.ffc.convl2l", "model.1.bn_l", name="conv"))
        last = self.config.downsamplings + 1
        for index in range(2, last):
            with self.graph.scope(f"down{index - 1}"):
                key, bn = f"model.{index}.ffc.convl2l", f"model.{index}.bn_l"
                x = self.relu(self.conv_bn(self.reflect_pad(x, 1), key, bn, name="conv", strides=[2, 2]))
        local, global_ = self._split(x, last)
        for block in range(self.config.blocks):
            with self.graph.scope(f"block{block + 1:02d}"):
                local, global_ = self._ffc_block(local, global_, f"model.{last + 1 + block}")
        index = last + self.config.blocks + 1
        return self.graph.op("Concat", local, global_, axis=1, name="branches"), index + 1

    def _split(self, x: str, index: int) -> tuple[str, str]:
        with self.graph.scope(f"down{index - 1}"):
            x = self.reflect_pad(x, 1)
            ffc = f"model.{index}.ffc"
            local = self.conv_bn(x, f"{ffc}.convl2l", f"model.{index}.bn_l", name="l2l", strides=[2, 2])
            global_ = self.conv_bn(x, f"{ffc}.convl2g", f"model.{index}.bn_g", name="l2g", strides=[2, 2])
            return self.relu(local), self.relu(global_)

    def _ffc_block(self, local: str, global_: str, key: str) -> tuple[str, str]:
        y_l, y_g = local, global_
        for name in ("conv1", "conv2"):
            with self.graph.scope(name):
                y_l, y_g = self._ffc(y_l, y_g, f"{key}.{name}")
        return (
            self.graph.op("Add", local, y_l, name="local"),
            self.graph.op("Add", global_, y_g, name="global"),
        )

    def _ffc(self, x_l: str, x_g: str, key: str) -> tuple[str, str]:
        """y_l = relu(bn_l(l2l + g2l)), y_g = relu(bn_g(l2g + g2g)); BN is folded into all four paths."""
        ffc, bn_l, bn_g = f"{key}.ffc", f"{key}.bn_l", f"{key}.bn_g"
        local, global_ = self.config.local_channels, self.config.global_channels
        padded_l, padded_g = self.reflect_pad(x_l, 1), self.reflect_pad(x_g, 1)
        l2l = self.latent(self.conv_bn(padded_l, f"{ffc}.convl2l", bn_l, name="l2l"), local)
        g2l = self.latent(self.conv(padded_g, f"{ffc}.convg2l", name="g2l", bn=bn_l), local)
        y_l = self.relu(self.graph.op("Add", l2l, g2l, name="local"))
        l2g = self.latent(self.conv_bn(padded_l, f"{ffc}.convl2g", bn_g, name="l2g"), global_)
        with self.graph.scope("g2g"):
            g2g = self.latent(self._spectral_transform(x_g, f"{ffc}.convg2g", bn_g), global_)
        return y_l, self.relu(self.graph.op("Add", l2g, g2g, name="global"))

    def _spectral_transform(self, x: str, key: str, bn_after: str) -> str:
        x = self.relu(self.conv_bn(x, f"{key}.conv1.0", f"{key}.conv1.1", name="conv1"))
        unit = self.graph.op("Add", x, self._fourier_unit(x, f"{key}.fu"), name="residual")
        return self.conv(unit, f"{key}.conv2", name="conv2", bn=bn_after)

    def _fourier_unit(self, x: str, key: str) -> str:
        conv, bn = f"{key}.conv_layer", f"{key}.bn"
        inputs = [
            x,
            self.graph.constant(f"{conv}.weight", self.weights.weight(conv, bn)),
            self.graph.constant(f"{conv}.bias", self.weights.bias(conv, bn=bn)),
            *self._dft_matrices(x),
        ]
        return self.graph.op(SPECTRAL_CONV, *inputs, name="fourier_unit", domain=DOMAIN)

    def _dft_matrices(self, latent: str) -> list[str]:
        """One node for the whole graph: every unit sees the same latent size."""
        if self._with_matrices and not self._matrices:
            self._matrices = self.graph.multi_op(DFT_MATRICES, latent, outputs=MATRIX_NAMES, name="dft", domain=DOMAIN)
        return self._matrices

    # -- pix2pixhd ----------------------------------------------------------------------------------------------

    def _pix2pixhd_front(self, x: str) -> tuple[str, int]:
        with self.graph.scope("stem"):
            x = self.relu(self.conv_bn(self.reflect_pad(x, STEM_PADDING), "model.1", "model.2", name="conv"))
        index = 4
        for level in range(self.config.downsamplings):
            with self.graph.scope(f"down{level + 1}"):
                padding = {"strides": [2, 2], "pads": [1, 1, 1, 1]}
                x = self.relu(self.conv_bn(x, f"model.{index}", f"model.{index + 1}", name="conv", **padding))
            index += 3
        block_of = self._dilated_block if self.config.kind == "dilated" else self._resnet_block
        for block in range(self.config.blocks):
            with self.graph.scope(f"block{block + 1:02d}"):
                x = self.graph.op("Add", x, block_of(x, f"model.{index}.conv_block"), name="sum")
            index += 1
        return x, index

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
                dilations = [dilation, dilation]
                padded = self.reflect_pad(part, dilation)
                y = self.conv(padded, conv, name=f"dilation{dilation}", bn=bn, bias=bias, dilations=dilations)
                total = self.graph.op("Add", total, y, name="sum") if total else y
        return total

    # -- up and head --------------------------------------------------------------------------------------------

    def _up(self, x: str, index: int) -> tuple[str, int]:
        for level in range(self.config.downsamplings):
            with self.graph.scope(f"up{level + 1}"):
                x = self.relu(self._deconv(x, f"model.{index}", f"model.{index + 1}"))
            index += 3
        return x, index

    def _deconv(self, x: str, key: str, bn: str) -> str:
        weight = self.graph.constant(f"{key}.weight", self.weights.weight(key, bn, axis=1))
        bias = self.graph.constant(f"{key}.bias", self.weights.bias(key, bn=bn))
        return self.graph.op(
            "ConvTranspose",
            x,
            weight,
            bias,
            name="conv",
            kernel_shape=[3, 3],
            strides=[2, 2],
            pads=[1, 1, 1, 1],
            output_padding=[1, 1],
        )

    def _head(self, x: str, index: int) -> str:
        """The 7x7 convolution to RGB, computed for 2x2 pixels at once.

        Engines fill 8 to 16 output channels whatever they are asked for, so 3 waste most of the arithmetic; 12, at
        a quarter of the positions, with an 8x8 kernel and stride 2, need a third of it.
        """
        key = f"model.{index}"
        with self.graph.scope("head"):
            x = self.reflect_pad(x, STEM_PADDING)
            weight = self.graph.constant(f"{key}.weight", _two_by_two(self.weights.weight(key)))
            bias = self.graph.constant(f"{key}.bias", np.tile(self.weights.bias(key), 4))
            x = self.graph.op("Conv", x, weight, bias, name="conv", kernel_shape=[8, 8], strides=[2, 2])
            x = self.graph.op("DepthToSpace", x, blocksize=2, mode="DCR", name="pixels")
            return self.graph.op("Sigmoid", x, name="sigmoid")


def _two_by_two(weight: Array) -> Array:
    """(O, I, k, k) at stride 1 -> (4 O, I, k+1, k+1) at stride 2, outputs ordered (row, column, O)."""
    outputs, inputs, k, _ = weight.shape
    blocks = np.zeros((2, 2, outputs, inputs, k + 1, k + 1))
    for row in range(2):
        for column in range(2):
            blocks[row, column, :, :, row : row + k, column : column + k] = weight
    return blocks.reshape(4 * outputs, inputs, k + 1, k + 1)
