"""The options of an engine as TensorRT's builder takes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lama_deploy.errors import EngineError
from lama_export.engine_options import EngineOptions, Profile
from lama_export.graph.picture import IMAGE, MASK
from lama_export.tensorrt.capabilities import capabilities

HARDWARE = {"ampere+": "AMPERE_PLUS", "same-cc": "SAME_COMPUTE_CAPABILITY"}


def configure(trt: Any, target: str, config: Any, options: EngineOptions) -> None:
    """All but the profiles. Raises ConfigError for a GPU that the module does not build for."""
    config.profiling_verbosity = getattr(trt.ProfilingVerbosity, options.profiling.upper())
    (config.set_flag if options.tf32 else config.clear_flag)(trt.BuilderFlag.TF32)
    if options.opt_level is not None:
        config.builder_optimization_level = options.opt_level
    if options.workspace is not None:
        config.set_memory_pool_limit(trt.MemoryPoolType.WORKSPACE, options.workspace << 20)
    if options.aux_streams is not None:
        config.max_aux_streams = options.aux_streams
    _configure_travelling(trt, config, options)
    wanted = capabilities(trt, target, options.compute_capabilities)
    if wanted:
        config.num_compute_capabilities = len(wanted)
        for index, capability in enumerate(wanted):
            config.set_compute_capability(capability, index)


def _configure_travelling(trt: Any, config: Any, options: EngineOptions) -> None:
    """Other versions, other GPUs, other weights.

    Weights are marked one by one (`mark_refittable`): with REFIT all would be refittable, the numbers inside the
    Fourier units' local functions too, which OnnxParserRefitter does not find (it walks the graph alone) and then
    refuses to refit at all. REFIT_IDENTICAL is for the very same weights (NvInfer.h, BuilderFlag::kREFIT_IDENTICAL),
    and what STRIP_PLAN means without any of them. By TensorRT 11.3's documentation ("Refitting an Engine") a refittable
    engine may lose a product's bias, which shows where the engine is run, and so in its proof.
    """
    flags = trt.BuilderFlag
    if options.version_compatible:
        config.set_flag(flags.VERSION_COMPATIBLE)  # with the lean runtime in it, without which no other version runs it
    if options.hardware is not None:
        config.hardware_compatibility_level = getattr(trt.HardwareCompatibilityLevel, HARDWARE[options.hardware])
    if options.refittable:
        config.set_flag(flags.REFIT_INDIVIDUAL)
    if options.strip_weights:
        config.set_flag(flags.STRIP_PLAN)


def mark_refittable(trt: Any, network: Any, names: Sequence[str]) -> None:
    """names: of initialisers, which the parser gives to weights. Raises EngineError where one cannot be refitted."""
    refused = [name for name in names if not network.mark_weights_refittable(name)]
    if refused:
        raise EngineError(
            f"{trt.__name__} cannot make {len(refused)} of {len(names)} weights refittable, such as {refused[0]}; "
            "export without --refit"
        )


def add_profiles(builder: Any, config: Any, network: Any, options: EngineOptions) -> None:
    """Raises EngineError for one that TensorRT does not take, and then builds an engine without
    (IBuilderConfig::addOptimizationProfile, NvInfer.h: "-1 if the input is not valid").
    """
    for profile in options.profiles:
        if config.add_optimization_profile(_shapes(builder, network, profile, options)) < 0:
            raise EngineError(
                f"TensorRT does not take the profile {profile} with batches of {options.batch}: give smaller ones"
            )


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
