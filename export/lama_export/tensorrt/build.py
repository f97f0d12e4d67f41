"""An ONNX file -> the bytes of an engine, by either module of TensorRT."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.log import log_of
from lama_export.engine_options import EngineOptions, Profile
from lama_export.graph.picture import IMAGE, MASK
from lama_export.progress import Progress
from lama_export.tensorrt.capabilities import capabilities
from lama_export.tensorrt.listing import WANTED, Listing, read_listing
from lama_export.tensorrt.progress import interruptible, monitor_of
from lama_export.tensorrt.timing_cache import kept_timings


@dataclass(frozen=True)
class Engine:
    """plan: the serialised engine. network_layers: before the builder fused them."""

    plan: bytes
    listing: Listing
    network_layers: int


def build_engine(
    trt: Any, target: str, model: Path, options: EngineOptions, *, plugins: int = 0, progress: Progress = iter
) -> Engine:
    """Parse `model` and build it, strongly typed. plugins: how many nodes a registered plugin has to replace.

    Raises EngineError with TensorRT's own words, ConfigError (`capabilities`), KeyboardInterrupt.
    """
    log = log_of(trt, kept=WANTED)
    builder = _made(trt.Builder, log)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    _parse(trt, network, log, model, plugins)
    config = _configured(trt, target, builder, options)
    for profile in options.profiles:
        config.add_optimization_profile(_shapes(builder, network, profile, options))
    with kept_timings(trt, target, config), interruptible() as interrupted:
        config.progress_monitor = monitor = monitor_of(trt, progress, interrupted)
        plan = builder.build_serialized_network(network, config)
        monitor.phases.close()
    if interrupted.is_set():
        raise KeyboardInterrupt
    if plan is None:
        raise EngineError(f"{trt.__name__} cannot build this engine: {log.first_error()}")
    return Engine(bytes(plan), read_listing(log.messages), network.num_layers)


def _made(builder: Callable[[Any], Any], log: Any) -> Any:
    try:
        return builder(log)
    except TypeError as error:  # how the bindings say that the library returned nothing, as without a driver
        raise EngineError(f"TensorRT does not start on this machine: {log.first_error()}") from error


def _parse(trt: Any, network: Any, log: Any, model: Path, plugins: int) -> None:
    parser = trt.OnnxParser(network, log)
    if plugins and hasattr(trt.OnnxParserFlag, "ENABLE_PLUGIN_OVERRIDE"):  # before, plugins went first by themselves
        parser.set_flag(trt.OnnxParserFlag.ENABLE_PLUGIN_OVERRIDE)
    if not parser.parse_from_file(str(model)):
        raise EngineError(f"{trt.__name__} cannot read the model: {parser.get_error(0).desc()}")
    layers = (network.get_layer(index) for index in range(network.num_layers))
    replaced = sum(layer.type == trt.LayerType.PLUGIN_V3 for layer in layers)
    if replaced != plugins:
        raise EngineError(
            f"{trt.__name__} gave {replaced} of {plugins} Fourier units to the plugin; "
            "is it one for this version? Export with --spectral inline to have them written out"
        )


def _configured(trt: Any, target: str, builder: Any, options: EngineOptions) -> Any:
    config = builder.create_builder_config()
    config.profiling_verbosity = trt.ProfilingVerbosity.DETAILED
    (config.set_flag if options.tf32 else config.clear_flag)(trt.BuilderFlag.TF32)
    if options.opt_level is not None:
        config.builder_optimization_level = options.opt_level
    if options.workspace is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace << 20)
    wanted = capabilities(trt, target, options.compute_capabilities)
    if wanted:
        config.num_compute_capabilities = len(wanted)
        for index, capability in enumerate(wanted):
            config.set_compute_capability(capability, index)
    return config


def _shapes(builder: Any, network: Any, profile: Profile, options: EngineOptions) -> Any:
    shapes = builder.create_optimization_profile()
    sizes = [
        (count, *sides)
        for count, sides in (
            (options.batch.min, profile.min),
            (options.batch.opt, profile.opt),
            (options.batch.max, profile.max),
        )
    ]
    inputs = (network.get_input(index) for index in range(network.num_inputs))
    for tensor in (one for one in inputs if one.name in (IMAGE, MASK)):
        shapes.set_shape(tensor.name, *(_filled(tensor.shape, size) for size in sizes))
    return shapes


def _filled(shape: Sequence[int], size: Sequence[int]) -> tuple[int, ...]:
    """`shape` with its free dimensions, N, H and W in either layout, set."""
    free = iter(size)
    return tuple(next(free) if dim == -1 else dim for dim in shape)
