"""An ONNX file -> an engine file, by either module of TensorRT."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from lama_deploy.errors import EngineError
from lama_deploy.tensorrt.log import Said, log_of
from lama_export.engine_options import EngineOptions
from lama_export.progress import Progress
from lama_export.tensorrt.build_log import few, hearing
from lama_export.tensorrt.configure import add_profiles, configure, mark_refittable
from lama_export.tensorrt.listing import Listing, read_listing
from lama_export.tensorrt.parts import Parts, parts
from lama_export.tensorrt.progress import interruptible, monitor_of
from lama_export.tensorrt.timing_cache import load_timings, save_timings, timing_cache_path


@dataclass(frozen=True)
class Engine:
    """network_layers: before the builder fused them. warnings: TensorRT's own, few and short."""

    listing: Listing
    network_layers: int
    warnings: Sequence[str] = ()


def build_engine(
    trt: Any,
    target: str,
    model: Path,
    path: Path,
    options: EngineOptions,
    *,
    plugins: int = 0,
    refittable: Sequence[str] = (),
    progress: Progress = iter,
) -> Engine:
    """Parse `model` and build it, strongly typed; the engine is in `path` before anything else can go wrong.

    plugins: how many nodes a registered plugin has to replace. refittable: names of the initialisers that can be
    exchanged later, if the options ask for that.
    Raises EngineError with TensorRT's own words, ConfigError (`capabilities`), KeyboardInterrupt.
    """
    logger = log_of(trt)
    with hearing(logger, verbose=options.verbose) as said, parts() as held:
        held.builder = _made(trt, logger, said)
        held.network = held.builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        held.parser = trt.OnnxParser(held.network, logger)
        _parse(trt, held, model, plugins)
        _configure(trt, target, held, options)
        if options.refittable:
            mark_refittable(trt, held.network, refittable)
        timings = timing_cache_path(trt, target, options.timing_cache)
        if timings is not None:
            held.cache = load_timings(held.config, timings)
        layers = held.network.num_layers
        _build(trt, held, said, path, progress)
        if timings is not None:
            save_timings(held.cache, timings)
        return Engine(read_listing(said.messages), layers, few(said.warnings))


def _configure(trt: Any, target: str, held: Parts, options: EngineOptions) -> None:
    held.config = held.builder.create_builder_config()
    configure(trt, target, held.config, options)
    if options.version_compatible:
        _take_plugins_along(held)
    add_profiles(held.builder, held.config, held.network, options)


def _made(trt: Any, logger: Any, said: Said) -> Any:
    try:
        return trt.Builder(logger)
    except TypeError as error:  # how the bindings say that the library returned nothing, as without a driver
        raise EngineError(f"TensorRT does not start on this machine: {said.first_error()}") from error


def _parse(trt: Any, held: Parts, model: Path, plugins: int) -> None:
    parser, network = held.parser, held.network
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


def _take_plugins_along(held: Parts) -> None:
    """TensorRT's own plugins that a version-compatible engine uses go into it (NvOnnxParser.h,
    IParser::getUsedVCPluginLibraries).
    """
    used = list(held.parser.get_used_vc_plugin_libraries())
    if used:
        held.config.plugins_to_serialize = used


def _build(trt: Any, held: Parts, said: Said, path: Path, progress: Progress) -> None:
    with interruptible() as interrupted:
        held.config.progress_monitor = held.monitor = monitor_of(trt, progress, interrupted)
        plan = held.builder.build_serialized_network(held.network, held.config)
        held.monitor.phases.close()
    if interrupted.is_set():
        raise KeyboardInterrupt
    if plan is None:
        raise EngineError(f"{trt.__name__} cannot build this engine: {said.first_error()}")
    with path.open("wb") as stream:
        stream.write(plan)
