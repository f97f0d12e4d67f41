"""A generator's configuration and weights -> a program for Core ML, for pictures of one size, one at a time.

Core ML has no tensors of bytes. In place of the byte interface it takes and gives images (RGB, the mask in greys) whose
tensors hold 0 to 255: what an app has already as a CVPixelBuffer or CGImage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from coremltools.converters.mil import Builder

from lama_deploy.arrays import Array
from lama_deploy.variants import GeneratorConfig
from lama_export.edge.mil_ops import MilOperators
from lama_export.edge.network import Network
from lama_export.graph.picture import IMAGE, MASK, RESULT, Interface


def mil_program(
    config: GeneratorConfig, state_dict: Mapping[str, Array], height: int, width: int, io: Interface
) -> Any:
    """In float32. image, result (1, 3, H, W), mask (1, 1, H, W): 0 to 255, or 0 to 1 with io "float"."""
    most = np.float32(255 if io == "uint8" else 1)

    def inside(image: Any, mask: Any) -> Any:
        image, mask = (_padded(config, name, x) for name, x in ((IMAGE, image), (MASK, mask)))
        is_hole = Builder.greater(x=mask, y=np.float32(0), name="picture/is_hole")
        hole = Builder.cast(x=is_hole, dtype="fp32", name="picture/hole")
        kept = Builder.select(
            cond=is_hole, a=np.float32(0), b=image, name="picture/kept"
        )  # whatever was there, NaN too
        masked = Builder.mul(x=kept, y=np.float32(1) / most, name="picture/masked") if io == "uint8" else kept
        x = Builder.concat(values=[masked, hole], axis=1, name="picture/input")
        y = Network(MilOperators(), config, state_dict).emit(x)
        if io == "uint8":
            y = Builder.floor(x=Builder.mul(x=y, y=most, name="result/scaled"), name="result/levels")
        filled = Builder.mul(x=y, y=hole, name="result/filled")
        if tuple(filled.shape[2:]) == (height, width):
            return Builder.add(x=kept, y=filled, name=RESULT)
        whole = Builder.add(x=kept, y=filled, name="result/composite")
        return Builder.slice_by_size(x=whole, begin=[0] * 4, size=[1, 3, height, width], name=RESULT)

    specs = [Builder.TensorSpec(shape=(1, channels, height, width)) for channels in (3, 1)]
    return Builder.program(input_specs=specs)(inside)


def _padded(config: GeneratorConfig, name: str, x: Any) -> Any:
    """NumPy's mode "symmetric", on the right and below, to the generator's multiple."""
    for axis in (2, 3):
        size, multiple = x.shape[axis], config.multiple
        padded = -(-max(size, config.minimum_size) // multiple) * multiple
        if padded != size:
            position = np.arange(padded) % (2 * size)
            rows = np.minimum(position, 2 * size - 1 - position).astype(np.int32)
            x = Builder.gather(x=x, indices=rows, axis=axis, name=f"{name}/padded{axis}")
    return x
