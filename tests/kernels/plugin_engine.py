"""What TensorRT-RTX does with the SpectralConv plugin, in a process of its own: a bad plugin ends the process.

python plugin_engine.py PLUGIN MODEL.onnx LIBRARY      prints what TensorRT said as one JSON object

LIBRARY: liblama_spectral, over which the plugin in Python is built with, after the compiled one.
"""

import json
import re
import struct
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import tensorrt_rtx as trt

from lama_deploy.native.library import SpectralLibrary
from lama_deploy.tensorrt.plugin.python_plugin import register_python_plugin

PROFILES = (64, 256, 512), (128, 512, 1024)  # sides: least, best, largest


class Log(trt.ILogger):
    """Everything that TensorRT says; the builder's listing of layers is one verbose message."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[tuple[str, str]] = []

    def log(self, severity: Any, message: str) -> None:
        self.messages.append((severity.name, message))

    def errors(self) -> list[str]:
        return [message for severity, message in self.messages if "ERROR" in severity]

    def lines(self, listing: str, mark: str) -> list[str]:
        """Of the latest listing of that name, those that hold `mark`."""
        latest = [message for _, message in self.messages if f"{listing}:" in message][-1]
        return [line.strip() for line in latest.partition(f"{listing}:")[2].splitlines() if mark in line]


def parse(builder: Any, model: bytes, *, plugin: bool) -> Any:
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, builder.logger)
    if plugin:
        parser.set_flag(trt.OnnxParserFlag.ENABLE_PLUGIN_OVERRIDE)
    assert parser.parse(model), parser.get_error(0).desc()
    return network


def build(builder: Any, network: Any) -> bytes:
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    for sides in PROFILES:
        profile = builder.create_optimization_profile()
        for index in range(network.num_inputs):
            tensor = network.get_input(index)
            profile.set_shape(tensor.name, *(_filled(tuple(tensor.shape), side) for side in sides))
        config.add_optimization_profile(profile)
    engine = builder.build_serialized_network(network, config)
    assert engine is not None
    return bytes(engine)


def _filled(shape: tuple[int, ...], side: int) -> tuple[int, ...]:
    sizes: Iterator[int] = iter((1, side, side))  # N, H, W are free
    return tuple(next(sizes) if size == -1 else size for size in shape)


def fields(engine: bytes) -> list[tuple[int, ...]]:
    """(type, count, value) of each int32 field "backend" that a plugin serialised, as TensorRT wrote them down."""
    records = re.findall(rb"SpectralConv\0.{,32}?backend\0(.{12})", engine, re.DOTALL)
    return [struct.unpack("<3i", record) for record in records]


def create(creator: Any, backend: int) -> Any:
    """A plugin as the parser makes it of a node with this attribute; None where the plugin refuses."""
    field = trt.PluginField("backend", np.array([backend], np.int32), trt.PluginFieldType.INT32)
    return creator.create_plugin("unit", trt.PluginFieldCollection([field]), trt.TensorRTPhase.BUILD)


def main() -> None:
    plugin, model, library = sys.argv[1], Path(sys.argv[2]).read_bytes(), sys.argv[3]
    log = Log()
    builder, registry = trt.Builder(log), trt.get_plugin_registry()
    build(builder, parse(builder, model, plugin=False))
    inlined = log.lines("Layers", "LayerType")

    handle = registry.load_library(plugin)
    assert handle is not None
    network = parse(builder, model, plugin=True)
    kinds = [network.get_layer(index).type for index in range(network.num_layers)]
    engine = build(builder, network)
    answer = {
        "plugin_layers": kinds.count(trt.LayerType.PLUGIN_V3),
        "inlined": inlined,
        "layers": log.lines("Layers", "LayerType"),
        "tensors": log.lines("I/O Tensors", "IOMode"),
        "fields": fields(engine),
        "errors": log.errors(),
    }
    creator = registry.get_creator("SpectralConv", "1", "")
    answer["created"] = [create(creator, backend) is not None for backend in (0, 1, 2, 3)]
    answer["refusal"] = log.errors()[-1]

    registry.deregister_library(handle)
    register_python_plugin(trt, SpectralLibrary(library))
    engine = build(builder, parse(builder, model, plugin=True))
    answer["in_python"] = {"layers": log.lines("Layers", "LayerType"), "fields": fields(engine)}
    json.dump(answer, sys.stdout)


if __name__ == "__main__":
    main()
