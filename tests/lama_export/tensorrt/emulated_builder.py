"""TensorRT's builder without a GPU: it makes a plan that the emulated runtime runs, and lists layers in a dialect.

`with_builder` puts it onto the emulated module of the runtime (`lama_deploy.tensorrt.emulated_tensorrt`). Rules of the
headers are kept, each with its place; unlike the Python bindings, no object here keeps another one alive, so that
an order of destruction that C++ forbids is seen. What is broken where nobody would see it is told to `faults`.
"""

import json
import math
import weakref
from enum import IntEnum
from functools import partial
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from tests.lama_export.tensorrt.emulated_listing import inspector_json, layers_of, verbose_lines
from tests.lama_export.tensorrt.emulated_refit import with_refit

TYPED = {onnx.TensorProto.FLOAT, onnx.TensorProto.FLOAT16, onnx.TensorProto.BFLOAT16}
# NvInfer.h of 10.13.3 and of 11.1, BuilderFlag: the numbers differ.
FLAGS = {
    10: {"REFIT": 4, "TF32": 6, "VERSION_COMPATIBLE": 13, "STRIP_PLAN": 19, "REFIT_IDENTICAL": 20},
    11: {"REFIT": 4, "TF32": 6, "VERSION_COMPATIBLE": 12, "STRIP_PLAN": 18, "REFIT_IDENTICAL": 19},
}
REFIT_INDIVIDUAL = {10: 23, 11: 22}
MOST_VOLUME = 2**34  # of a tensor
Verbosity = IntEnum("Verbosity", "LAYER_NAMES_ONLY NONE DETAILED", start=0)
Hardware = IntEnum("Hardware", "NONE AMPERE_PLUS SAME_COMPUTE_CAPABILITY", start=0)
Pools = IntEnum("Pools", "WORKSPACE DLA_MANAGED_SRAM", start=0)
Formats = IntEnum("Formats", "ONELINE JSON", start=0)
LayerType = IntEnum("LayerType", "CONVOLUTION PLUGIN_V3", start=0)


def with_builder(module: Any, store: Path, *, version: str = "11.4.0", dialect: str = "trt-11") -> Any:
    """The same module, which also builds. store: a folder for the models that its plans name.

    faults: rules that were broken. built: what each build was asked for. miscompiled: types of tensors to print instead
    of those of the file. prints: whether the builder lists layers in its log.
    """
    major = int(version.split(".")[0])
    module.__version__, module.major, module.dialect, module.store = version, major, dialect, store
    module.faults, module.built, module.miscompiled, module.numbers = [], [], {}, count()
    module.warnings, module.prints = [], True
    typed = {"STRONGLY_TYPED": 1, "EXPLICIT_BATCH": 0} if major == 10 else {"STRONGLY_TYPED": 0}
    module.NetworkDefinitionCreationFlag = IntEnum("NetworkDefinitionCreationFlag", typed)
    module.BuilderFlag = IntEnum("BuilderFlag", FLAGS[major] | {"REFIT_INDIVIDUAL": REFIT_INDIVIDUAL[major]})
    module.OnnxParserFlag = object() if major == 10 else SimpleNamespace(ENABLE_PLUGIN_OVERRIDE=1)
    module.ProfilingVerbosity, module.HardwareCompatibilityLevel, module.MemoryPoolType = Verbosity, Hardware, Pools
    module.LayerInformationFormat, module.LayerType = Formats, LayerType
    module.IProgressMonitor = type("IProgressMonitor", (), {})
    module.ILogger = type("ILogger", (module.ILogger,), {"WARNING": "warning", "VERBOSE": "verbose"})
    module.Builder = lambda logger: Builder(module, logger)
    module.OnnxParser = OnnxParser
    with_refit(module, inspector_json)
    return module


class Life:
    """Which objects are alive: `before(a, b)` says that a has to go before b."""

    def __init__(self, faults: list[str]) -> None:
        self.faults = faults

    def before(self, first: Any, then: Any) -> None:
        alive, what, owner = weakref.ref(first), type(first).__name__, type(then).__name__
        weakref.finalize(then, lambda: self.faults.append(f"{owner} went before {what}") if alive() else None)


class Builder:
    """IBuilder."""

    def __init__(self, module: Any, logger: Any) -> None:
        self.module, self.logger, self.life = module, logger, Life(module.faults)

    def create_network(self, flags: int) -> "Network":
        typed = 1 << int(self.module.NetworkDefinitionCreationFlag.STRONGLY_TYPED)
        assert flags == typed, "a network that is not strongly typed"  # of 10; 11 has no other
        network = Network(self.module)
        self.life.before(network, self)  # IBuilder::createNetworkV2
        return network

    def create_builder_config(self) -> "Config":
        config = Config(self.module, self)
        self.life.before(config, self)  # IBuilder::createBuilderConfig
        return config

    def create_optimization_profile(self) -> "OptimizationProfile":
        return OptimizationProfile()

    def build_serialized_network(self, network: "Network", config: "Config") -> bytes | None:
        if error := config.error(network):
            self.logger.log(self.module.ILogger.ERROR, f"{error}\nmore")
            return None
        monitor = config.progress_monitor
        monitor.phase_start("Building", None, 2)
        going = all(list(map(partial(monitor.step_complete, "Building"), range(2))))
        monitor.phase_finish("Building")
        if not going:  # IProgressMonitor::stepComplete: "return false to stop the build"
            return None
        self.module.built.append(config.asked(network))
        plan = _plan(self.module, network, config)
        for warning in self.module.warnings:
            self.logger.log(self.module.ILogger.WARNING, warning)
        if config.profiling_verbosity == Verbosity.DETAILED and self.module.prints:
            self.logger.log(self.module.ILogger.VERBOSE, verbose_lines(self.module, plan["listing"]))
        self.logger.log(self.module.ILogger.VERBOSE, "Total Activation Memory: 1048576 bytes")
        if config.cache is not None:
            config.cache.content += b"timed"
        return json.dumps(plan).encode()


def _plan(module: Any, network: "Network", config: "Config") -> dict[str, Any]:
    """As the emulated runtime reads it, and what the refitter and the inspector need."""
    flags = module.BuilderFlag
    path = module.store / f"{next(module.numbers)}.onnx"
    model = onnx.ModelProto()
    model.CopyFrom(network.model)
    marked = sorted(network.marked) if config.get_flag(flags.REFIT_INDIVIDUAL) else []
    if config.get_flag(flags.REFIT):
        marked = network.all_weights()
    if config.get_flag(flags.STRIP_PLAN):
        for tensor in model.graph.initializer:
            if tensor.name in marked:
                zeros = np.zeros_like(numpy_helper.to_array(tensor))
                tensor.CopyFrom(numpy_helper.from_array(zeros, tensor.name))
    onnx.save(model, path)
    profiles = [[(shape[0], shape[-2], shape[-1]) for shape in profile.shapes["mask"]] for profile in config.profiles]
    detailed = config.profiling_verbosity == Verbosity.DETAILED
    return {
        "model": str(path),
        "bare": str(path),
        "io": "float" if network.model.graph.input[0].type.tensor_type.elem_type == onnx.TensorProto.FLOAT else "uint8",
        "profiles": profiles,
        "refittable": marked,
        "missing": marked if config.get_flag(flags.STRIP_PLAN) else [],
        "stripped": config.get_flag(flags.STRIP_PLAN),
        "host_code": config.get_flag(flags.VERSION_COMPATIBLE),
        "listing": network.listing(module.miscompiled) if detailed else [],
    }


class Network:
    """INetworkDefinition, of the nodes of an ONNX file."""

    def __init__(self, module: Any) -> None:
        self.module, self.model, self.marked = module, onnx.ModelProto(), set[str]()

    @property
    def num_layers(self) -> int:
        return len(self.model.graph.node)

    def get_layer(self, index: int) -> SimpleNamespace:
        return SimpleNamespace(type=LayerType.CONVOLUTION)

    @property
    def num_inputs(self) -> int:
        return len(self.model.graph.input)

    def get_input(self, index: int) -> SimpleNamespace:
        value = self.model.graph.input[index]
        dims = [dim.dim_value or -1 for dim in value.type.tensor_type.shape.dim]
        return SimpleNamespace(name=value.name, shape=tuple(dims))

    def mark_weights_refittable(self, name: str) -> bool:
        """False if the weights do not exist or cannot be refitted (INetworkDefinition::markWeightsRefittable)."""
        known = any(tensor.name == name and tensor.data_type in TYPED for tensor in self.model.graph.initializer)
        self.marked |= {name} if known else set()
        return known

    def all_weights(self) -> list[str]:
        """What kREFIT makes refittable: constants in local functions too."""
        names = [tensor.name for tensor in self.model.graph.initializer if tensor.data_type in TYPED]
        inner = [node for function in self.model.functions for node in function.node if node.op_type == "Constant"]
        return names + [node.output[0] for node in inner if node.attribute[0].t.data_type in TYPED]

    def listing(self, miscompiled: dict[str, str]) -> list[dict[str, Any]]:
        return layers_of(self.model, miscompiled)


class OnnxParser:
    """nvonnxparser::IParser."""

    def __init__(self, network: Network, logger: Any) -> None:
        self._network = weakref.ref(network)
        # NvInferRuntime.h, Weights: "held by reference until the engine has been built", and they lie in the parser.
        Life(network.module.faults).before(network, self)

    def set_flag(self, flag: Any) -> None:
        raise AssertionError("there is no plugin here")

    def parse_from_file(self, path: str) -> bool:
        network = self._network()
        assert network is not None
        try:
            network.model.CopyFrom(onnx.load(path))
        except Exception:  # as the parser: no exception leaves it
            return False
        return True

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: "Failed to parse the ONNX model")

    def get_used_vc_plugin_libraries(self) -> list[str]:
        return []


class OptimizationProfile:
    """IOptimizationProfile."""

    def __init__(self) -> None:
        self.shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def set_shape(self, name: str, *shapes: tuple[int, ...]) -> None:
        ordered = all(list(sides) == sorted(sides) for sides in zip(*shapes, strict=True))
        assert len(shapes) == 3 and ordered, "IOptimizationProfile::setDimensions: min <= opt <= max"
        self.shapes[name] = shapes


class TimingCache:
    """ITimingCache."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    def serialize(self) -> bytes:
        return self.content


class Config:
    """IBuilderConfig. TF32 is on by default."""

    def __init__(self, module: Any, builder: Builder) -> None:
        self._module, self._builder = module, weakref.ref(builder)
        self._flags = {module.BuilderFlag.TF32}
        self.profiling_verbosity = Verbosity.LAYER_NAMES_ONLY
        self.hardware_compatibility_level = Hardware.NONE
        self.max_aux_streams: int | None = None
        self.profiles: list[OptimizationProfile] = []
        self.cache: TimingCache | None = None
        self._monitor: Any = None

    def set_flag(self, flag: IntEnum) -> None:
        assert isinstance(flag, self._module.BuilderFlag)
        self._flags.add(flag)

    def clear_flag(self, flag: IntEnum) -> None:
        self._flags.discard(flag)

    def get_flag(self, flag: IntEnum) -> bool:
        return flag in self._flags

    def set_memory_pool_limit(self, pool: Pools, size: int) -> None:
        assert size >= 0

    def add_optimization_profile(self, profile: OptimizationProfile) -> int:
        if max(map(math.prod, (shapes[2] for shapes in profile.shapes.values()))) > MOST_VOLUME:
            return -1  # IBuilderConfig::addOptimizationProfile: "-1 if the input is not valid"
        refits = {"REFIT", "REFIT_INDIVIDUAL", "REFIT_IDENTICAL"} & {flag.name for flag in self._flags}
        # NvInfer.h, there: "at most once when building a refittable engine".
        assert not (refits and self.profiles), "a second profile of a refittable engine"
        self.profiles.append(profile)
        return len(self.profiles) - 1

    def create_timing_cache(self, content: bytes) -> TimingCache:
        return TimingCache(content)

    def set_timing_cache(self, cache: TimingCache, ignore_mismatch: bool) -> bool:
        if cache.content and not cache.content.startswith(b"timed"):
            return False
        self.cache = weakref.proxy(cache)  # the builder does not own it
        builder = self._builder()
        assert builder is not None
        builder.life.before(builder, cache)  # IBuilderConfig::createTimingCache: longer than all builders that use it
        return True

    @property
    def progress_monitor(self) -> Any:
        return self._monitor()

    @progress_monitor.setter
    def progress_monitor(self, monitor: Any) -> None:
        self._monitor = weakref.ref(monitor)
        Life(self._module.faults).before(self, monitor)  # IProgressMonitor: longer than all objects that use it

    def error(self, network: Network) -> str:
        flags = self._module.BuilderFlag
        if not self.profiles or any({"image", "mask"} - set(one.shapes) for one in self.profiles):
            return "Network has dynamic or shape inputs, but no optimization profile has been defined."
        # BuilderFlag::kREFIT_INDIVIDUAL: "cannot be used together with kREFIT or kREFIT_IDENTICAL"
        kinds = {flags.REFIT, flags.REFIT_IDENTICAL, flags.REFIT_INDIVIDUAL} & self._flags
        return "Error Code 3: API Usage Error (refit flags)" if len(kinds) > 1 else ""

    def asked(self, network: Network) -> dict[str, Any]:
        """STRIP_PLAN alone means REFIT_IDENTICAL, as TensorRT-RTX says in its log."""
        driver: Any = getattr(self._module, "driver", None)
        return {
            "flags": {flag.name for flag in self._flags},
            "hardware": self.hardware_compatibility_level.name,
            "profiling": self.profiling_verbosity.name,
            "aux_streams": self.max_aux_streams,
            "refittable": sorted(network.marked),
            "context": driver.stack[-1] if driver is not None and driver.stack else None,
        }
