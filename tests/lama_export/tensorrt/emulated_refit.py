"""TensorRT's refitter, ONNX refitter, inspector and serialisation, for engines of the emulated builder."""

import json
from collections.abc import Callable
from enum import IntEnum
from types import SimpleNamespace
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper


def with_refit(module: Any, inspector_json: Callable[[str, Any], str]) -> None:
    """Engines that the module deserialises can be inspected, refitted and serialised."""
    runtime = module.Runtime
    flags = {"EXCLUDE_WEIGHTS": 0, "EXCLUDE_LEAN_RUNTIME": 1}
    module.SerializationFlag = IntEnum(
        "SerializationFlag", flags | ({} if module.__version__.startswith("10.13") else {"INCLUDE_REFIT": 2})
    )

    class Runtime(runtime):  # type: ignore[misc,valid-type]
        engine_host_code_allowed = False

        def deserialize_cuda_engine(self, plan: bytes) -> Any:
            values = json.loads(plan)
            if values.get("host_code") and not self.engine_host_code_allowed:
                self.logger.log(module.ILogger.ERROR, "engine host code is not allowed")  # setEngineHostCodeAllowed
                return None
            engine = super().deserialize_cuda_engine(plan)
            if engine is not None and "refittable" in values:
                _equip(module, engine, values, inspector_json)
            return engine

    module.Runtime = Runtime
    module.Refitter, module.OnnxParserRefitter = Refitter, OnnxParserRefitter


def _equip(module: Any, engine: Any, plan: dict[str, Any], inspector_json: Callable[[str, Any], str]) -> None:
    engine.plan, engine.module, engine.refittable = plan, module, bool(plan["refittable"])
    told = inspector_json(module.dialect, plan["listing"])
    inspector = SimpleNamespace(get_engine_information=lambda format: told)
    engine.create_engine_inspector = lambda: inspector
    engine.create_serialization_config = lambda: SerializationConfig(module, plan)
    engine.serialize_with_config = lambda config: _serialised(plan, config)


class SerializationConfig:
    """ISerializationConfig. A stripped engine is serialised without its weights unless that flag is cleared."""

    def __init__(self, module: Any, plan: dict[str, Any]) -> None:
        self._set = {module.SerializationFlag.EXCLUDE_WEIGHTS} if plan["stripped"] else set()

    def clear_flag(self, flag: Any) -> bool:
        self._set.discard(flag)
        return True

    def set_flag(self, flag: Any) -> bool:
        self._set.add(flag)
        return True

    def has(self, name: str) -> bool:
        return any(flag.name == name for flag in self._set)


def _serialised(plan: dict[str, Any], config: SerializationConfig) -> bytes:
    """kINCLUDE_REFIT (ICudaEngine::serializeWithConfig): of a stripped engine with its weights, the result is
    unrefittable without it.
    """
    values = dict(plan)
    if config.has("EXCLUDE_WEIGHTS"):
        values |= {"missing": plan["refittable"], "model": plan["bare"]}
    elif plan["stripped"]:
        values["stripped"] = False
        values["refittable"] = plan["refittable"] if config.has("INCLUDE_REFIT") else []
    return json.dumps(values).encode()


class Refitter:
    """IRefitter."""

    def __init__(self, engine: Any, logger: Any) -> None:
        if not engine.refittable:
            logger.log(engine.module.ILogger.ERROR, "The engine is not refittable\nmore")
            raise TypeError("factory function returned nullptr")
        self.engine, self.logger, self.given = engine, logger, dict[str, np.ndarray]()

    def get_all_weights(self) -> list[str]:
        return list(self.engine.plan["refittable"])

    def get_missing_weights(self) -> list[str]:
        return [name for name in self.engine.plan["missing"] if name not in self.given]

    def set_named_weights(self, name: str, weights: np.ndarray) -> bool:
        """False for an unknown name, another count or another type."""
        model = onnx.load(self.engine.plan["model"])
        known = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
        fits = name in self.engine.plan["refittable"] and name in known
        if not fits or known[name].size != weights.size or known[name].dtype != weights.dtype:
            return False
        self.given[name] = weights
        return True

    def refit_cuda_engine(self) -> bool:
        """False where weights are missing before the call."""
        if self.get_missing_weights():
            self.logger.log(self.engine.module.ILogger.ERROR, "missing weights")
            return False
        plan, module = self.engine.plan, self.engine.module
        model = onnx.load(plan["model"])
        for tensor in model.graph.initializer:
            if tensor.name in self.given:
                tensor.CopyFrom(numpy_helper.from_array(self.given[tensor.name], tensor.name))
        path = module.store / f"{next(module.numbers)}.onnx"
        onnx.save(model, path)
        plan["model"], plan["missing"] = str(path), []
        return True


class OnnxParserRefitter:
    """nvonnxparser::IParserRefitter. It walks the graph's initialisers and Constant nodes, and no local function
    (onnx-tensorrt, ModelRefitter.cpp), and refuses where it has not found all refittable weights.
    """

    def __init__(self, refitter: Refitter, logger: Any) -> None:
        self._refitter, self._error = refitter, ""

    def refit_from_file(self, path: str) -> bool:
        wanted = set(self._refitter.get_all_weights())
        found = 0
        for tensor in onnx.load(path).graph.initializer:
            if tensor.name in wanted:
                if not self._refitter.set_named_weights(tensor.name, numpy_helper.to_array(tensor)):
                    self._error = "Failed to set named weights"
                    return False
                found += 1
        self._error = f"Only successfully refitted {found} weights out of {len(wanted)}"
        return found == len(wanted)

    def get_error(self, index: int) -> Any:
        return SimpleNamespace(desc=lambda: self._error)
