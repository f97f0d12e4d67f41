"""The Fourier unit as ONNX local functions: DFTs as matrix products, or as standard DFT operators.

FFT-free form, for a latent of h x w with half spectrum k = 0..w//2, padded to a multiple of 8 columns (p). Real and
imaginary parts are stacked on H, or alternate in its rows, so that almost every change of layout is a reshape:

    x @ forward_re (w, p), x @ forward_im    (C, h, p) each, concatenated on H   (C, 2h, p)  [Re ; Im]
    forward_h (2h, 2h) @ ...                 (C, 2h, p)  [Re ; Im]               == (2C, h, p), channels Re0, Im0, ...
    1x1 convolution, ReLU                    (2C, h, p)                          == (C, 2h, p)  [Re ; Im]
    inverse_h (2h, 2h) @ ...                 (C, 2h, p)  rows Re_y, Im_y alternate  == (C, h, 2p)  [Re | Im]
    ... @ inverse_w (2p, w)                  (C, h, w)

The inverse is the one of `lama_deploy.spectral`: complex along H, complex-to-real along W.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import onnx

from lama_export.graph.builder import DOMAIN, OPSET, GraphBuilder, function_from

SPECTRAL_CONV = "SpectralConv"
DFT_MATRICES = "DftMatrices"
MATRIX_NAMES = ("forward_re", "forward_im", "forward_h", "inverse_h", "inverse_w")
OPSET_OF_DFT, OPSET_OF_DFT_BY_INPUT = 17, 20
COLUMN_MULTIPLE = 8  # of the padded half spectrum: engines repack anything else around every product


def spectral_conv_function(products: Any = np.float32, opset: int = OPSET) -> onnx.FunctionProto:
    """SpectralConv(x, weight, bias, *MATRIX_NAMES) -> y, FFT-free.

    x, y: (N, C, h, w). weight: (2C, 2C, 1, 1) over interleaved channels and bias: (2C,), BN folded in. The matrices
    come from DftMatrices; an engine with a kernel of its own ignores them.
    products: a half precision puts casts around those with the matrices, for values of that type only: TensorRT's way
    to ask for sums in float32 of operands that stay half (it fuses the casts into the product).
    """
    g = GraphBuilder(products, opset)
    shape = g.op("Shape", "x", name="shape")
    batch, channels, height = (g.op("Slice", shape, g.ints(axis), g.ints(axis + 1)) for axis in range(3))
    rest = g.ints(-1)
    stacked = g.op("Concat", batch, channels, g.op("Mul", height, g.ints(2)), rest, axis=0, name="stacked")
    planes = g.op("Concat", batch, rest, height, g.dims("forward_re", 1, 2), axis=0, name="planes")
    side_by_side = g.op("Concat", batch, channels, height, rest, axis=0, name="side_by_side")

    parts = [_product(g, "x", f"forward_{part}", f"dft_w_{part}") for part in ("re", "im")]
    spectrum = _product(g, "forward_h", g.op("Concat", *parts, axis=2, name="stack"), "dft_h")
    mixed = g.op(
        "Conv", g.op("Reshape", spectrum, planes, name="interleaved"), "weight", "bias", name="mix", kernel_shape=[1, 1]
    )
    positive = g.op("Reshape", g.op("Relu", mixed, name="relu"), stacked, name="columns")
    rows = g.op("Reshape", _product(g, "inverse_h", positive, "idft_h"), side_by_side, name="rows")
    _product(g, rows, "inverse_w", "idft_w")
    g.nodes[-1].output[0] = "y"
    inputs = ["x", "weight", "bias", *MATRIX_NAMES]
    doc = "irfft2(relu(conv(rfft2(x)))), orthonormal, FFT-free"
    return function_from(g, SPECTRAL_CONV, inputs, ["y"], doc)


def _product(g: GraphBuilder, left: str, right: str, name: str) -> str:
    return g.to_dtype(g.op("MatMul", g.to_float32(left), g.to_float32(right), name=name))


def dft_matrices_function(opset: int = OPSET) -> onnx.FunctionProto:
    """DftMatrices(latent) -> MATRIX_NAMES, for the last two axes of `latent`."""
    g = GraphBuilder(opset=opset)
    shape = g.op("Shape", "latent", name="shape")
    h = g.op("Gather", shape, g.int_scalar(2), axis=0, name="h")
    w = g.op("Gather", shape, g.int_scalar(3), axis=0, name="w")
    half = g.op("Add", g.op("Div", w, g.int_scalar(2)), g.int_scalar(1), name="half")
    rounded = g.op("Add", half, g.int_scalar(COLUMN_MULTIPLE - 1))
    padded = g.op("Mul", g.op("Div", rounded, g.int_scalar(COLUMN_MULTIPLE)), g.int_scalar(COLUMN_MULTIPLE), name="p")

    cos_h, sin_h = _cos_sin(g, h, h, h, "h")
    minus_sin_h = g.op("Neg", sin_h)
    upper, lower = g.op("Concat", cos_h, sin_h, axis=1), g.op("Concat", minus_sin_h, cos_h, axis=1)
    _finish(g, "forward_h", g.op("Concat", upper, lower, axis=0))
    upper, lower = g.op("Concat", cos_h, minus_sin_h, axis=1), g.op("Concat", sin_h, cos_h, axis=1)
    _finish(g, "inverse_h", _alternate_rows(g, upper, lower))

    # Both orientations are computed: a Transpose would be fused into every product, and slow it down.
    k = g.op("Range", g.int_scalar(0), padded, g.int_scalar(1), name="k")
    inside = g.op("Cast", g.op("Less", k, half), to=onnx.TensorProto.FLOAT, name="inside")  # (p,)
    cos_w, sin_w = _cos_sin(g, w, padded, w, "w")
    _finish(g, "forward_re", g.op("Mul", cos_w, inside))
    _finish(g, "forward_im", g.op("Mul", g.op("Neg", sin_w), inside))

    cos_w, sin_w = _cos_sin(g, padded, w, w, "w")
    count = g.op("Unsqueeze", g.op("Mul", inside, _conjugate_count(g, k, w)), g.ints(1))
    waves = g.op("Mul", cos_w, count), g.op("Mul", g.op("Neg", sin_w), count)
    _finish(g, "inverse_w", g.op("Concat", *waves, axis=0))
    doc = "DFT matrices of the FFT-free Fourier unit, made once per inference from the latent's height and width"
    return function_from(g, DFT_MATRICES, ["latent"], list(MATRIX_NAMES), doc)


def _cos_sin(g: GraphBuilder, rows: str, columns: str, n: str, name: str) -> tuple[str, str]:
    """cos and sin of 2 pi i j / n for i < rows, j < columns, over sqrt(n); float32.

    The phase i*j is reduced to [-n/2, n/2) in integers: in float32 it would lose all its digits at large sizes.
    """
    zero, one = g.int_scalar(0), g.int_scalar(1)
    i = g.op("Unsqueeze", g.op("Range", zero, rows, one), g.ints(1))
    j = g.op("Unsqueeze", g.op("Range", zero, columns, one), g.ints(0))
    offset = g.op("Div", n, g.int_scalar(2))
    shifted = g.op("Add", g.op("Mul", i, j), offset)
    phase = g.op("Sub", g.op("Mod", shifted, n), offset, name=f"phase_{name}")
    n_float = g.op("Cast", n, to=onnx.TensorProto.FLOAT)
    turns = g.op("Div", g.op("Cast", phase, to=onnx.TensorProto.FLOAT), n_float)
    angle = g.op("Mul", turns, g.constant("two_pi", 2 * math.pi))
    norm = g.op("Sqrt", n_float)
    return (
        g.op("Div", g.op("Cos", angle), norm, name=f"cos_{name}"),
        g.op("Div", g.op("Sin", angle), norm, name=f"sin_{name}"),
    )


def _conjugate_count(g: GraphBuilder, k: str, w: str) -> str:
    """(p,): how many columns of the full spectrum column k of the half stands for: 1 for 0 and w/2, else 2."""
    own_mirror = g.op("Equal", g.op("Mod", g.op("Mul", k, g.int_scalar(2)), w), g.int_scalar(0))
    return g.op("Where", own_mirror, g.scalar(1), g.scalar(2))


def _alternate_rows(g: GraphBuilder, even: str, odd: str) -> str:
    """(a, b), (a, b) -> (2a, b) with rows even_0, odd_0, even_1, odd_1, ..."""
    pair = g.op("Concat", g.op("Unsqueeze", even, g.ints(1)), g.op("Unsqueeze", odd, g.ints(1)), axis=1)
    return g.op("Reshape", pair, g.op("Concat", g.ints(-1), g.dims(even, 1, 2), axis=0))


def _finish(g: GraphBuilder, output: str, value: str) -> None:
    g.nodes.append(onnx.helper.make_node("Identity", [value], [output], name=output))


def dft_conv_function(opset: int = OPSET_OF_DFT) -> onnx.FunctionProto:
    """SpectralConv(x, weight, bias) -> y by standard DFT operators, in float32. Shapes as `spectral_conv_function`."""
    g = GraphBuilder(opset=opset)
    shape = g.op("Shape", "x", name="shape")
    h, w = (g.op("Gather", shape, g.int_scalar(axis), axis=0) for axis in (2, 3))
    norm = g.op("Sqrt", g.op("Cast", g.op("Mul", h, w), to=onnx.TensorProto.FLOAT), name="norm")

    half = _dft(g, g.op("Unsqueeze", "x", g.ints(4)), axis=3, onesided=1, name="rfft_w")
    full = g.op("Div", _dft(g, half, axis=2, name="fft_h"), norm)
    planes = g.op("Transpose", full, perm=[0, 1, 4, 2, 3])  # (N, C, 2, h, k)
    planes_shape = g.op("Shape", planes)
    n, hk = g.op("Slice", planes_shape, g.ints(0), g.ints(1)), g.op("Slice", planes_shape, g.ints(3), g.ints(5))
    merged = g.op("Reshape", planes, g.op("Concat", n, g.ints(-1), hk, axis=0))
    mixed = g.op("Relu", g.op("Conv", merged, "weight", "bias", name="mix", kernel_shape=[1, 1]))

    pairs = g.op("Transpose", g.op("Reshape", mixed, planes_shape), perm=[0, 1, 3, 4, 2])
    columns = _dft(g, pairs, axis=2, inverse=1, name="ifft_h")
    k = g.op("Gather", planes_shape, g.int_scalar(4), axis=0)
    _finish(g, "y", g.op("Mul", _real_inverse(g, columns, k, w), norm))
    return function_from(g, SPECTRAL_CONV, ["x", "weight", "bias"], ["y"], "irfft2(relu(conv(rfft2(x)))) by DFT")


def _real_inverse(g: GraphBuilder, half: str, k: str, w: str) -> str:
    """(N, C, h, k, 2) -> (N, C, h, w): the real part of a complex inverse DFT of columns that count for their mirrors.

    Not the operator's own inverse of half a spectrum, which ONNX Runtime has from 1.28 on, and OpenCV 5 has not.
    """
    count = _conjugate_count(g, g.op("Range", g.int_scalar(0), k, g.int_scalar(1)), w)
    counted = g.op("Mul", half, g.op("Unsqueeze", count, g.ints(1)))
    missing = g.op("Unsqueeze", g.op("Sub", w, k), g.ints(0))
    pads = g.op("Concat", g.ints(*[0] * 8), missing, g.ints(0), axis=0)
    lines = _dft(g, g.op("Pad", counted, pads), axis=3, inverse=1, name="ifft_w")
    return g.op("Gather", lines, g.int_scalar(0), axis=4, name="real")


def _dft(g: GraphBuilder, x: str, *, axis: int, **attributes: Any) -> str:
    """The axis is an attribute of DFT-17 and the third input of DFT-20."""
    if g.opset < OPSET_OF_DFT_BY_INPUT:
        return g.op("DFT", x, axis=axis, **attributes)
    return g.op("DFT", x, "", g.int_scalar(axis), **attributes)


__all__ = ["DOMAIN", "MATRIX_NAMES", "dft_conv_function", "dft_matrices_function", "spectral_conv_function"]
