"""The part of the latent that holes depend on, found inside the graph: the decoder computes nothing else.

Behind the trunk a pixel depends on few others. The head's convolution reads 3 pixels to each side of it. Going down
through an upsampling (transposed 3x3 convolution at stride 2), pixel 2i reads cell i, and pixel 2i + 1 reads i and
i + 1. So, whatever the number of upsamplings, pixels from `first` to `last` read the cells from (first - 3) / multiple,
rounded down, to (last + 3) / multiple, rounded up, as far as there are such. Where the window ends at the picture's
edge, the decoder pads it there as it does the whole; where it ends elsewhere, what is wrong at its border is no hole.
"""

from __future__ import annotations

from dataclasses import dataclass

from onnx import TensorProto

from lama_deploy.variants import STEM_PADDING, GeneratorConfig
from lama_export.graph.builder import GraphBuilder

HOLE_CHANNEL = 3  # of the generator's input
ROWS_AND_COLUMNS = (2, 3)
LEAST_SIDE = 16  # pixels: the head treats a border of 4 at each side by itself


@dataclass(frozen=True)
class Window:
    """Names of int64 values. starts, ends: (2,) of its rows and columns in latent cells. pads: (8,) around its picture
    in pixels, as `Pad` takes them.
    """

    starts: str
    ends: str
    pads: str


def hole_window(g: GraphBuilder, config: GeneratorConfig, x: str) -> Window:
    """The smallest window for all holes of the generator's float32 input (N, 4, H, W); with none, some small one."""
    with g.scope("window"):
        hole = g.op("Slice", x, g.ints(HOLE_CHANNEL), g.ints(HOLE_CHANNEL + 1), g.ints(1), name="hole")
        sides = [_side(g, config, hole, axis) for axis in ROWS_AND_COLUMNS]
        starts, ends, before, after = (
            g.op("Concat", *parts, axis=0, name=name)
            for name, parts in zip(("starts", "ends", "before", "after"), zip(*sides, strict=True), strict=True)
        )
        none = g.ints(0, 0)  # of batch and channels
        return Window(starts, ends, g.op("Concat", none, before, none, after, axis=0, name="pads"))


def cut(g: GraphBuilder, latent: str, window: Window) -> str:
    """The window of a latent (N, C, h, w)."""
    return g.op("Slice", latent, window.starts, window.ends, g.ints(*ROWS_AND_COLUMNS), name="window/cut")


def put_back(g: GraphBuilder, picture: str, window: Window) -> str:
    """The window's picture in one of the whole size, with zeros where nothing was computed."""
    return g.op("Pad", picture, window.pads, name="window/put_back")


def _side(g: GraphBuilder, config: GeneratorConfig, hole: str, axis: int) -> tuple[str, str, str, str]:
    """(start and end in cells, pixels before and after), each (1,) of int64, on one axis."""
    with g.scope("rows" if axis == ROWS_AND_COLUMNS[0] else "columns"):
        size, first, last = _extent(g, hole, axis)
        multiple, reach = config.multiple, STEM_PADDING
        cells = g.op("Div", size, g.ints(multiple), name="cells")
        start = g.op("Div", g.op("Max", g.op("Sub", first, g.ints(reach)), g.ints(0)), g.ints(multiple))
        end = g.op("Div", g.op("Add", last, g.ints(reach + 2 * multiple - 1)), g.ints(multiple))
        least = g.ints(-(-min(LEAST_SIDE, config.minimum_size) // multiple))
        start = g.op("Min", start, g.op("Sub", cells, least), name="start")
        end = g.op("Max", g.op("Min", end, cells), g.op("Add", start, least), name="end")
        before = g.op("Mul", start, g.ints(multiple), name="before")
        return start, end, before, g.op("Sub", size, g.op("Mul", end, g.ints(multiple)), name="after")


def _extent(g: GraphBuilder, hole: str, axis: int) -> tuple[str, str, str]:
    """(size, first and last pixel of any hole), each (1,) of int64; without a hole the last pixel and the first."""
    size = g.dims(hole, axis, axis + 1, "size")
    line = g.reduce("ReduceMax", hole, [other for other in range(4) if other != axis], "line")
    is_hole = g.op("Cast", line, to=TensorProto.INT64, name="is_hole")
    position = g.op("Range", g.int_scalar(0), g.op("Squeeze", size), g.int_scalar(1), name="position")
    final = g.op("Sub", size, g.ints(1), name="final")
    last = g.op("ReduceMax", g.op("Mul", is_hole, position), keepdims=1, name="last")
    from_end = g.op("ReduceMax", g.op("Mul", is_hole, g.op("Sub", final, position)), keepdims=1, name="from_end")
    return size, g.op("Sub", final, from_end, name="first"), last
