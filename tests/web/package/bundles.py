"""A bundle of lama-demo in a second: the graph that ships, with its weights, and no proof."""

from __future__ import annotations

from pathlib import Path

import onnx
from onnx import numpy_helper

from lama_deploy.bundle import MODEL, Bundle
from lama_deploy.checkpoints.weights import DEMO, DEMO_FILE, load_weights
from lama_deploy.disk import sha256_of
from lama_deploy.runtime.backends.onnxruntime_demo import GRAPH, weights_of


def write_demo(folder: Path) -> Path:
    """As `lama-export --weights lama-demo --to onnx` writes it, but for the record of its proof."""
    folder.mkdir()
    graph, checkpoint = GRAPH.read_bytes(), load_weights(DEMO_FILE)
    model, weights = onnx.load_model_from_string(graph), weights_of(graph, checkpoint)
    for index, value in enumerate(model.graph.initializer):
        if value.name in weights:
            model.graph.initializer[index].CopyFrom(numpy_helper.from_array(weights[value.name], value.name))
    onnx.save(model, folder / MODEL)
    file = folder / MODEL
    Bundle(
        variant=DEMO,
        generator=checkpoint.config.to_dict(),
        weights={"source": DEMO, "sha256": checkpoint.sha256},
        target="onnx",
        precision="fp32",
        spectral="inline",
        io="uint8",
        files={MODEL: {"bytes": file.stat().st_size, "sha256": sha256_of(file)}},
        inputs={},
        outputs={},
        tools={},
    ).save(folder)
    return folder
