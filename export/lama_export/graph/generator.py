"""The generators as ONNX nodes: (N, 4, H, W) -> (N, 3, H, W), H and W dynamic multiples of 8."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.folded import pixels_of_bias, pixels_of_weight
from lama_deploy.checkpoints.topology import HEAD, Layer
from lama_deploy.variants import STEM_PADDING, GeneratorConfig
from lama_export.graph.builder import BFLOAT16, GraphBuilder
from lama_export.graph.ffc import FFCLayers
from lama_export.graph.layers import END, Layers, node_name
from lama_export.graph.pix2pixhd import Pix2PixHDLayers
from lama_export.graph.window import cut, hole_window, put_back

Decoder = Literal["hole", "whole"]


def emit_generator(
    g: GraphBuilder,
    config: GeneratorConfig,
    state_dict: Mapping[str, Array],
    x: str,
    *,
    with_matrices: bool,
    decoder: Decoder = "whole",
    basic: bool = False,
) -> str:
    """Append a whole generator behind float32 value `x`; return the name of its output, float32 in (0, 1).

    with_matrices: give the Fourier units DFT matrices as inputs (they are FFT-free), or none (they use DFT operators).
    decoder: what follows the trunk is computed for the "whole" picture, or for a window around the holes of `x`, with
    zeros outside of it ("hole"); inside holes the two are the same. basic: see `layers.Layers`.
    """
    layers: FFCLayers | Pix2PixHDLayers
    if config.kind == "ffc":
        layers = FFCLayers(g, config, state_dict, basic, with_matrices=with_matrices)
    else:
        layers = Pix2PixHDLayers(g, config, state_dict, basic)
    with g.scope("generator"):
        window = hole_window(g, config, x) if decoder == "hole" else None
        latent = layers.emit(g.to_dtype(x))
        if window is None:
            return decode(layers, latent)
        return put_back(g, decode(layers, cut(g, latent, window)), window)


def decode(layers: Layers, latent: str) -> str:
    """(N, C, h, w) as the trunk makes it -> (N, 3, H, W) float32 in (0, 1)."""
    for up in layers.topology.ups:
        with layers.graph.scope(up.name):
            latent = layers.relu(_deconv(layers, latent, *up.layers))
    return _head(layers, latent, layers.topology.head)


def _deconv(layers: Layers, x: str, layer: Layer) -> str:
    """Double the size. Four convolutions and an interleave were measured: no faster, the interleave costs the gain."""
    g = layers.graph
    if g.dtype == BFLOAT16:
        return _deconv_by_pixels(layers, x, layer)
    return g.op(
        "ConvTranspose",
        x,
        g.constant(f"{layer.conv}.weight", layers.weights.weight(layer)),
        g.constant(f"{layer.conv}.bias", layers.weights.bias(layer)),
        name=node_name(layer),
        kernel_shape=[3, 3],
        strides=[2, 2],
        pads=[1, 1, 1, 1],
        output_padding=[1, 1],
    )


def _deconv_by_pixels(layers: Layers, x: str, layer: Layer) -> str:
    """The same as a convolution for 2x2 pixels at once: TensorRT-RTX 1.7 has no transposed one in bfloat16."""
    g = layers.graph
    weight = g.constant(f"{layer.conv}.weight", _pixels_of_transposed(layers.weights.weight(layer)))
    bias = g.constant(f"{layer.conv}.bias", np.repeat(layers.weights.bias(layer), 4))
    pixels = g.op("Conv", x, weight, bias, name="pixels", kernel_shape=[2, 2], pads=[0, 0, 1, 1])
    return g.op("DepthToSpace", pixels, blocksize=2, mode="CRD", name=node_name(layer))  # named as what it equals


def _pixels_of_transposed(weight: Array) -> Array:
    """Transposed 3x3 weights (I, O, 3, 3) at stride 2 -> (4 O, I, 2, 2), outputs ordered (O, row, column).

    Along an axis, pixel 2i is w[1] x[i], and pixel 2i+1 is w[2] x[i] + w[0] x[i+1].
    """
    taps = np.zeros((2, 2, 3))  # parity of the pixel, offset of the input, tap
    taps[0, 0, 1] = taps[1, 0, 2] = taps[1, 1, 0] = 1
    blocks = np.einsum("auk,bvl,iokl->oabiuv", taps, taps, weight)
    return blocks.reshape(-1, weight.shape[0], 2, 2)


def _head(layers: Layers, x: str, layer: Layer) -> str:
    """The 7x7 convolution to RGB, computed for 2x2 pixels at once.

    Engines fill 8 to 16 output channels whatever they are asked for, so 3 waste most of the arithmetic; 12, at a
    quarter of the positions, with an 8x8 kernel and stride 2, need a third of it.
    """
    g = layers.graph
    with g.scope(HEAD):
        weight = g.constant(f"{layer.conv}.weight", pixels_of_weight(layers.weights.weight(layer)))
        bias = pixels_of_bias(layers.weights.bias(layer))

        def conv(x: str, **attrs: Any) -> str:
            own = g.bias(f"{layer.conv}.bias", bias)
            return g.op("Conv", x, weight, own, name=node_name(layer), kernel_shape=[8, 8], strides=[2, 2], **attrs)

        x = _reflected(layers, x, conv)
        return g.op("Sigmoid", g.to_float32(layers.pixels_from_channels(x)), name="sigmoid")


def _reflected(layers: Layers, x: str, conv: Callable[..., str]) -> str:
    """The head's convolution with reflect padding of 3, without a padded copy of the network's largest map.

    Zeros, which convolutions pad for nothing, make the two outermost rows and columns of its output wrong (one stands
    for two of pixels); these come from strips. Those at the sides are not padded above and below: one pixel less there
    makes them as high as the middle. Pictures that may be all border are padded as a whole.
    """
    g, pad, wrong = layers.graph, STEM_PADDING, 2
    if layers.config.minimum_size <= 2 * 2 * wrong:
        return conv(layers.reflect_pad(x, pad))
    width = 2 * wrong + pad
    whole = conv(x, pads=[pad] * 4)
    middle = layers.slice(whole, (wrong, wrong), (-wrong, -wrong), (2, 3))
    with g.scope("top"):
        rows = layers.slice(x, (0,), (width,), (2,))
        top = conv(layers.reflect_pad_sides(rows, pad, pad, 0, pad))
    with g.scope("bottom"):
        rows = layers.slice(x, (-width,), (END,), (2,))
        bottom = conv(layers.reflect_pad_sides(rows, 0, pad, pad, pad))
    with g.scope("left"):
        columns = layers.slice(x, (1, 0), (-1, width), (2, 3))
        left = conv(layers.reflect_pad_sides(columns, 0, pad, 0, 0))
    with g.scope("right"):
        columns = layers.slice(x, (1, -width), (-1, END), (2, 3))
        right = conv(layers.reflect_pad_sides(columns, 0, 0, 0, pad))
    rows = g.op("Concat", left, middle, right, axis=3, name="rows")
    return g.op("Concat", top, rows, bottom, axis=2, name="assembled")
