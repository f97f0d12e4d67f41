"""TensorRT's words for a tensor in those of liblama_spectral, as kernels/plugin/src/tensor_description.cpp has them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lama_deploy.errors import KernelError
from lama_deploy.native.library import Description


class TensorReader:
    """Reads the PluginTensorDesc of one of TensorRT's modules."""

    def __init__(self, trt: Any) -> None:
        types, formats = trt.DataType, trt.TensorFormat
        self._dtypes = {types.FLOAT: "float32", types.HALF: "float16", types.BF16: "bfloat16"}
        self._layouts = {formats.LINEAR: "nchw", formats.HWC: "nhwc", formats.HWC8: "nhwc"}
        self._in_eights = formats.HWC8
        # TensorRT-RTX does not time formats but takes the first that it may have, and its convolutions are channels
        # last: with LINEAR among the choices, two transposes surround every unit. For bfloat16 it has no HWC, and
        # LINEAR makes fewer layers than HWC8. TensorRT compares, so it may have all.
        only = {types.FLOAT: formats.HWC, types.HALF: formats.HWC, types.BF16: formats.LINEAR}
        self._only = only if trt.__name__ == "tensorrt_rtx" else {}

    def takes(self, x: Any) -> bool:
        """Whether the unit takes x in this type and format, which y then has too."""
        if x.format != self._only.get(x.type, x.format):
            return False
        return len(x.dims) == 4 and self._dtype_and_layout(x) is not None

    def describe(self, x: Any, dims: Sequence[int], backend: str) -> Description:
        """dims: of x in a run, or of one end of its profile. Raises KernelError for what was not offered."""
        sizes, found = tuple(dims[:]), self._dtype_and_layout(x)  # a slice: iteration takes ten times as long
        if len(sizes) != 4:
            raise KernelError(f"x has {len(sizes)} dimensions, not 4")
        if found is None:
            raise KernelError(f"x is {x.type.name} in the format {x.format.name}, which were not offered")
        return Description(*sizes, *found, backend)

    def _dtype_and_layout(self, x: Any) -> tuple[str, str] | None:
        dtype, layout = self._dtypes.get(x.type), self._layouts.get(x.format)
        if dtype is None or layout is None:
            return None
        # HWC8 pads channels to a multiple of 8: with such a number of them it is NHWC.
        padded = x.format == self._in_eights and (dtype == "float32" or x.dims[1] < 1 or x.dims[1] % 8 != 0)
        return None if padded else (dtype, layout)
