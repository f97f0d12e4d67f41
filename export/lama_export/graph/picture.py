"""What surrounds the generator in the file: images of any size in, images of the same size out.

As official `bin/predict.py`: binarise the mask (> 0), pad right and bottom to the generator's multiple by symmetric
reflection (the edge pixel repeated), mask the image, run, composite, crop, and for bytes clip and truncate.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from onnx import TensorProto, ValueInfoProto, helper

from lama_deploy.variants import GeneratorConfig
from lama_export.graph.builder import GraphBuilder

Interface = Literal["uint8", "float"]
Emit = Callable[[str], str]
IMAGE, MASK, RESULT = "image", "mask", "result"


def emit_picture(g: GraphBuilder, config: GeneratorConfig, io: Interface, generator: Emit) -> None:
    """Append the whole pipeline around `generator` (name of its input -> name of its output)."""
    if io == "uint8":
        _emit_uint8(g, config, generator)
    else:
        _emit_float(g, config, generator)


def picture_inputs(io: Interface) -> list[ValueInfoProto]:
    if io == "uint8":
        return [
            helper.make_tensor_value_info(IMAGE, TensorProto.UINT8, ["N", "H", "W", 3]),
            helper.make_tensor_value_info(MASK, TensorProto.UINT8, ["N", "H", "W"]),
        ]
    return [
        helper.make_tensor_value_info(IMAGE, TensorProto.FLOAT, ["N", 3, "H", "W"]),
        helper.make_tensor_value_info(MASK, TensorProto.FLOAT, ["N", 1, "H", "W"]),
    ]


def picture_outputs(io: Interface) -> list[ValueInfoProto]:
    """The result is like the image."""
    result = picture_inputs(io)[0]
    result.name = RESULT
    return [result]


def _emit_uint8(g: GraphBuilder, config: GeneratorConfig, generator: Emit) -> None:
    with g.scope("picture"):
        size = g.dims(IMAGE, 1, 3, "size")
        # Bytes become floats at once: TensorRT takes them as inputs and in casts, and nowhere else.
        image, mask = (g.op("Cast", name, to=TensorProto.FLOAT, name=f"{name}_float") for name in (IMAGE, MASK))
        image, mask = _pad(g, config, size, {image: (1, 2), mask: (1, 2)})
        levels = g.op("Transpose", image, perm=[0, 3, 1, 2], name="levels")
        hole = g.op("Greater", g.op("Unsqueeze", mask, g.ints(1)), g.scalar(0), name="hole")
        x = _masked_input(g, g.op("Div", levels, g.scalar(255), name="unit"), hole)
    y = generator(x)
    with g.scope("result"):
        scaled = g.op("Clip", g.op("Mul", y, g.scalar(255)), g.scalar(0), g.scalar(255))
        composite = g.op("Where", hole, g.op("Floor", scaled), levels, name="composite")
        nhwc = g.op("Transpose", _crop(g, composite, size), perm=[0, 2, 3, 1], name="nhwc")
    g.op("Cast", nhwc, to=TensorProto.UINT8, name=RESULT)


def _emit_float(g: GraphBuilder, config: GeneratorConfig, generator: Emit) -> None:
    with g.scope("picture"):
        size = g.dims(IMAGE, 2, 4, "size")
        image, mask = _pad(g, config, size, {IMAGE: (2, 3), MASK: (2, 3)})
        hole = g.op("Greater", mask, g.scalar(0), name="hole")
        x = _masked_input(g, image, hole)
    y = generator(x)
    with g.scope("result"):
        composite = g.op("Where", hole, y, image, name="composite")
    _crop(g, composite, size, name=RESULT)


def _pad(g: GraphBuilder, config: GeneratorConfig, size: str, axes: dict[str, tuple[int, int]]) -> list[str]:
    """Pad each value of `axes` on its (height, width) axes; the same indices serve all."""
    multiple, one = g.ints(config.multiple), g.ints(1)
    blocks = g.op("Div", g.op("Sub", g.op("Add", size, multiple), one), multiple)
    padded = g.op("Max", g.op("Mul", blocks, multiple), g.ints(_whole_blocks(config)), name="padded_size")
    rows, columns = (_symmetric_indices(g, size, padded, axis) for axis in (0, 1))
    out = []
    for value, (height, width) in axes.items():
        tall = g.op("Gather", value, rows, axis=height, name="rows_padded")
        out.append(g.op("Gather", tall, columns, axis=width, name="padded"))
    return out


def _whole_blocks(config: GeneratorConfig) -> int:
    return -(-config.minimum_size // config.multiple) * config.multiple


def _symmetric_indices(g: GraphBuilder, size: str, padded: str, axis: int) -> str:
    """Source index of each padded position on one axis: 0 1 .. n-1 n-1 .. 1 0 0 1 .. (NumPy's mode "symmetric")."""
    index = g.int_scalar(axis)
    n, length = g.op("Gather", size, index, axis=0), g.op("Gather", padded, index, axis=0)
    position = g.op("Range", g.int_scalar(0), length, g.int_scalar(1))
    period = g.op("Mul", n, g.int_scalar(2))
    forward = g.op("Mod", position, period)
    backward = g.op("Sub", g.op("Sub", period, g.int_scalar(1)), forward)
    return g.op("Min", forward, backward, name="rows" if axis == 0 else "columns")


def _masked_input(g: GraphBuilder, image: str, hole: str) -> str:
    """(N, 4, H, W): the image with its hole set to zero (whatever was in it, NaN too), and the hole as 0 and 1."""
    masked = g.op("Where", hole, g.scalar(0), image, name="masked")
    return g.op("Concat", masked, g.op("Cast", hole, to=TensorProto.FLOAT), axis=1, name="input")


def _crop(g: GraphBuilder, x: str, size: str, name: str = "crop") -> str:
    return g.op("Slice", x, g.ints(0, 0), size, g.ints(2, 3), name=name)
