"""The generators as ONNX nodes: (N, 4, H, W) -> (N, 3, H, W), H and W dynamic multiples of 8."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from lama_deploy.keys import first_up_index
from lama_deploy.variants import STEM_PADDING, GeneratorConfig
from lama_export.ffc import FFCLayers
from lama_export.fold import Array
from lama_export.graph import GraphBuilder
from lama_export.layers import Layers
from lama_export.pix2pixhd import Pix2PixHDLayers


def emit_generator(
    g: GraphBuilder,
    config: GeneratorConfig,
    state_dict: Mapping[str, Array],
    x: str,
    *,
    with_matrices: bool,
    strips: bool,
) -> str:
    """Append a whole generator behind float32 value `x`; return the name of its output, float32 in (0, 1).

    with_matrices: give the Fourier units DFT matrices as inputs (they are FFT-free), or none (they use DFT operators).
    strips: see `onnx_from_state`.
    """
    layers: FFCLayers | Pix2PixHDLayers
    if config.kind == "ffc":
        layers = FFCLayers(g, config, state_dict, with_matrices=with_matrices, strips=strips)
    else:
        layers = Pix2PixHDLayers(g, config, state_dict)
    with g.scope("generator"):
        x = layers.emit(g.to_dtype(x))
        index = first_up_index(config)
        for level in range(config.downsamplings):
            with g.scope(f"up{level + 1}"):
                x = layers.relu(_deconv(layers, x, f"model.{index}", f"model.{index + 1}"))
            index += 3
        return _head(layers, x, f"model.{index + 1}")


def _deconv(layers: Layers, x: str, key: str, bn: str) -> str:
    """Double the size. Four convolutions and an interleave were measured: no faster, the interleave costs the gain."""
    g = layers.graph
    return g.op(
        "ConvTranspose",
        x,
        g.constant(f"{key}.weight", layers.weights.weight(key, bn, axis=1)),
        g.constant(f"{key}.bias", layers.weights.bias(key, bn=bn)),
        name="conv",
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        output_padding=[1, 1],
    )


def _head(layers: Layers, x: str, key: str) -> str:
    """The 7x7 convolution to RGB, computed for 2x2 pixels at once.

    Engines fill 8 to 16 output channels whatever they are asked for, so 3 waste most of the arithmetic; 12, at a
    quarter of the positions, with an 8x8 kernel and stride 2, need a third of it.
    """
    g = layers.graph
    with g.scope("head"):
        x = layers.reflect_pad(x, STEM_PADDING)
        weight = g.constant(f"{key}.weight", _two_by_two(layers.weights.weight(key)))
        bias = g.constant(f"{key}.bias", np.tile(layers.weights.bias(key), 4))
        x = g.op("Conv", x, weight, bias, name="conv", kernel_shape=[8, 8], strides=[2, 2])
        x = g.op("DepthToSpace", x, blocksize=2, mode="DCR", name="pixels")
        return g.op("Sigmoid", g.to_float32(x), name="sigmoid")


def _two_by_two(weight: Array) -> Array:
    """(O, I, k, k) at stride 1 -> (4 O, I, k+1, k+1) at stride 2, outputs ordered (row, column, O)."""
    outputs, inputs, k, _ = weight.shape
    blocks = np.zeros((2, 2, outputs, inputs, k + 1, k + 1))
    for row in range(2):
        for column in range(2):
            blocks[row, column, :, :, row : row + k, column : column + k] = weight
    return blocks.reshape(4 * outputs, inputs, k + 1, k + 1)
