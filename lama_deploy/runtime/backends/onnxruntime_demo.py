"""lama-demo in ONNX Runtime, without torch: the graph that the exporter makes of it, and the weights that ship.

The graph's file holds no weights. They are folded from the shipped checkpoint as it is opened, by the functions that
the exporter uses, so that the package holds them once.
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.checkpoints.folded import FoldedWeights, pixels_of_bias, pixels_of_weight
from lama_deploy.checkpoints.topology import topology
from lama_deploy.checkpoints.weights import DEMO, DEMO_FILE, load_weights
from lama_deploy.runtime.backend import Recipe
from lama_deploy.runtime.backends.onnxruntime import OnnxModel
from lama_deploy.runtime.backends.onnxruntime_session import Optimization, open_session, threads_of_each

GRAPH = DEMO_FILE.with_suffix(".onnx")  # examples/demo_model/ship.py writes it
NAME = re.compile(
    rb"(model\.[\w.]+)\.(weight|bias)(_\d+)?"
)  # of initialisers: an official key, numbered where repeated


class DemoBackend(OnnxModel):
    """The model that ships. device, threads, optimization, streams: as `OnnxRuntimeBackend`."""

    def __init__(
        self,
        *,
        device: str | None = None,
        threads: int | None = None,
        optimization: Optimization = "all",
        streams: int = 1,
    ) -> None:
        """Raises WeightsNotFoundError where the package does not hold what it ships with, and as `open_session`."""
        graph, checkpoint = GRAPH.read_bytes(), load_weights(DEMO_FILE)
        weights, each = weights_of(graph, checkpoint), threads_of_each(streams, threads)
        session = open_session(graph, device=device, threads=each, optimization=optimization, weights=weights)
        recipe = Recipe(DEMO, {"threads": each, "optimization": optimization}, sha256=checkpoint.sha256)
        super().__init__(Path(DEMO), session, recipe, config=checkpoint.config, streams=streams)


def weights_of(graph: bytes, checkpoint: Checkpoint) -> dict[str, Array]:
    """The float32 initialisers that a graph without weights names, from the checkpoint of its generator."""
    table = topology(checkpoint.config)
    folded = FoldedWeights(checkpoint.state_dict)
    layers = {layer.conv: layer for stage in table.stages for layer in stage.layers}
    found: dict[str, Array] = {}
    for name in NAME.finditer(graph):
        layer = layers[name[1].decode()]
        is_head = layer == table.head
        if name[2] == b"weight":
            values = pixels_of_weight(folded.weight(layer)) if is_head else folded.weight(layer)
        else:
            values = pixels_of_bias(folded.bias(layer)) if is_head else folded.bias(layer)
        found[name[0].decode()] = values.astype(np.float32)
    return found
