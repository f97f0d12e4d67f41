"""Activation ranges, measured on calibration images at every value that a half-precision engine would store.

The float32 graph itself is measured, with the Fourier units written out, so that nothing is left to assumptions: one
largest magnitude for each convolution, product and sum, the DFTs' partial results and the spectrum's DC term included.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

import numpy as np
import onnx
from onnx import TensorProto, helper

from lama_deploy.arrays import Array
from lama_deploy.errors import LamaDeployError
from lama_deploy.precision.scales import HEAD
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state

COMPUTE = ("Conv", "ConvTranspose", "MatMul", "Add")  # the other operators make nothing larger than what they read

# Scopes of the exported graph -> values of `scales.layers`. First match counts.
_GROUPS = (
    (r"generator/(?:front\w*/)?stem/", "stem"),
    (r"generator/front\w*/down\d+/l2l", "local"),
    (r"generator/front\w*/down\d+/l2g", "global"),
    (r"generator/(?:front\w*/)?(down\d+)/", r"\1"),
    (r"generator/(block\d+/conv\d)/g2g/(?:conv1|residual|fourier_unit)", r"\1/spectral"),
    (r"generator/(block\d+)/conv1/(?:l2l|g2l|local)", r"\1/mid_local"),
    (r"generator/(block\d+)/conv1/(?:l2g|global|g2g/conv2)", r"\1/mid_global"),
    (r"generator/block\d+/(?:conv2/)?(?:l2l|g2l|local)", "local"),
    (r"generator/block\d+/(?:conv2/)?(?:l2g|global|g2g/conv2)", "global"),
    (r"generator/(block\d+)/conv1(?:$|/dilation|/sum)", r"\1/mid"),
    (r"generator/block\d+/(?:sum|conv2(?:$|/dilation|/sum))", "trunk"),
    (r"generator/(up\d+)/", r"\1"),
    (r"generator/head/", HEAD),
)

Pair = tuple[Array, Array]  # image (H, W, 3) uint8, mask (H, W) uint8


def measure_ranges(
    config: GeneratorConfig, state_dict: Mapping[str, Array], pairs: Iterable[Pair]
) -> dict[str, dict[str, float]]:
    """value of `scales.layers` -> {operator's name: largest magnitude} over all pairs.

    Raises LamaDeployError where an image takes even float32 out of its range.
    """
    from lama_deploy.runtime.backends.onnxruntime_session import open_session

    model = onnx_from_state(config, state_dict, spectral="inline")
    names = _add_maxima(model)
    session = open_session(model.SerializeToString(), device="cpu")
    largest = np.zeros(len(names))
    for image, mask in pairs:
        found = session.run([_maximum(name) for name in names], {"image": image[None], "mask": mask[None]})
        largest = np.maximum(largest, np.array(found, np.float64))
    if not np.isfinite(largest).all():
        bad = names[int(np.flatnonzero(~np.isfinite(largest))[0])]
        raise LamaDeployError(f"activations of {bad} are not finite in float32; are these weights damaged?")
    return _grouped(config, dict(zip(names, largest.tolist(), strict=True)))


def _add_maxima(model: onnx.ModelProto) -> list[str]:
    """Give the graph max|x| of every stored value as further outputs. Returns the values."""
    graph = model.graph
    names = [node.output[0] for node in graph.node if node.op_type in COMPUTE and _group(node.output[0])]
    for name in names:
        graph.node.append(helper.make_node("Abs", [name], [f"{name}/abs"], name=f"{name}/abs"))
        graph.node.append(
            helper.make_node("ReduceMax", [f"{name}/abs"], [_maximum(name)], name=_maximum(name), keepdims=0)
        )
        graph.output.append(helper.make_tensor_value_info(_maximum(name), TensorProto.FLOAT, []))
    return names


def _maximum(name: str) -> str:
    return f"{name}/largest"


def _grouped(config: GeneratorConfig, largest: Mapping[str, float]) -> dict[str, dict[str, float]]:
    groups: dict[str, dict[str, float]] = {}
    last = f"down{config.downsamplings}"  # a pix2pixhd generator's last downsampling makes the trunk's first value
    for name, value in largest.items():
        group = _group(name)
        groups.setdefault("trunk" if group == last else group, {})[name] = value
    return groups


def _group(name: str) -> str:
    for pattern, group in _GROUPS:
        found = re.match(pattern, name)
        if found:
            return found.expand(group)
    return ""
