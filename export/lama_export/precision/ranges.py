"""Activation ranges, measured on calibration images at every value that a half-precision engine would store.

The float32 graph itself is measured, with the Fourier units written out, so that nothing is left to assumptions: one
largest magnitude for each convolution, product and sum, the DFTs' partial results and the spectrum's DC term included.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.topology import layers
from lama_deploy.errors import LamaDeployError
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state

COMPUTE = ("Conv", "ConvTranspose", "MatMul", "Add")  # the other operators make nothing larger than what they read

Pair = tuple[Array, Array]  # image (H, W, 3) uint8, mask (H, W) uint8


def measure_ranges(
    config: GeneratorConfig, state_dict: Mapping[str, Array], pairs: Iterable[Pair]
) -> dict[str, dict[str, float]]:
    """value of `topology` -> {operator's name: largest magnitude} over all pairs.

    Raises LamaDeployError where an image takes even float32 out of its range.
    """
    from lama_deploy.runtime.backends.onnxruntime_session import open_session

    model = onnx_from_state(config, state_dict, spectral="inline")
    values = stored_values(config, model.graph)
    _add_maxima(model.graph, values)
    session = open_session(model.SerializeToString(), device="cpu")
    largest = np.zeros(len(values))
    for image, mask in pairs:
        found = session.run([_maximum(name) for name in values], {"image": image[None], "mask": mask[None]})
        largest = np.maximum(largest, np.array(found, np.float64))
    if not np.isfinite(largest).all():
        bad = list(values)[int(np.flatnonzero(~np.isfinite(largest))[0])]
        raise LamaDeployError(f"activations of {bad} are not finite in float32; are these weights damaged?")
    ranges: dict[str, dict[str, float]] = {}
    for (name, value), most in zip(values.items(), largest.tolist(), strict=True):
        ranges.setdefault(value, {})[name] = most
    return ranges


def stored_values(config: GeneratorConfig, graph: onnx.GraphProto) -> dict[str, str]:
    """What each operator of COMPUTE in the generator makes -> the value of `topology` that it is, or is a part of.

    A convolution is known by its weight, which has the official key's name; the rest belongs to what it reads.
    """
    values = {f"{layer.conv}.weight": layer.output for layer in layers(config)}
    stored = {}
    for node in graph.node:
        read = [values[name] for name in node.input if name in values]
        if not read or node.op_type == "Shape" or not node.name.startswith("generator/"):
            continue
        values.update(dict.fromkeys(node.output, read[-1]))  # weights come behind activations
        if node.op_type in COMPUTE:
            stored[node.output[0]] = read[-1]
    return stored


def _add_maxima(graph: onnx.GraphProto, names: Iterable[str]) -> None:
    """Give the graph max|x| of these values as further outputs."""
    for name in names:
        graph.node.append(helper.make_node("Abs", [name], [f"{name}/abs"], name=f"{name}/abs"))
        graph.node.append(
            helper.make_node("ReduceMax", [f"{name}/abs"], [_maximum(name)], name=_maximum(name), keepdims=0)
        )
        graph.output.append(helper.make_tensor_value_info(_maximum(name), TensorProto.FLOAT, []))


def _maximum(name: str) -> str:
    return f"{name}/largest"
