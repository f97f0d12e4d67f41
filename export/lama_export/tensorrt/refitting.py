"""New weights in an engine that is built already, in seconds: an ONNX file of the new weights goes into the old one.

Only initialisers were made refittable (`configure`), which OnnxParserRefitter finds by their names.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from lama_deploy.bundle import MANIFEST, Bundle
from lama_deploy.errors import BundleError, ConfigError, EngineError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.json_shape import TEXT, Rule, misshapen
from lama_deploy.tensorrt.cuda_driver import Cuda
from lama_deploy.tensorrt.engine import OpenedEngine

TRUTH = Rule("true or false", lambda value: isinstance(value, bool))
# Of `bundle.json`, what is read here besides what every reader of bundles has looked at.
READ = {
    "engine": dict.fromkeys(("refittable?", "stripped?", "tf32?"), TRUTH),
    "ranges": {"calibration?": {"folder": TEXT}},
}


def refit(opened: OpenedEngine, model: Path) -> None:
    """Give the engine the initialisers of an ONNX file. Raises EngineError, whereupon some may be the new ones."""
    trt, log = opened.trt, opened.log
    with log.listening() as said:
        try:
            refitter = trt.Refitter(opened.engine, log)
        except TypeError as error:  # how the bindings say that the library returned nothing
            raise EngineError(f"{trt.__name__} does not refit this engine: {said.first_error()}") from error
        parser = trt.OnnxParserRefitter(refitter, log)
        if not parser.refit_from_file(str(model)):
            raise EngineError(f"{trt.__name__} does not take the new weights: {parser.get_error(0).desc()}")
        missing = refitter.get_missing_weights()
        if missing:  # IRefitter::refitCudaEngine, NvInferRuntime.h: false if there are any
            raise EngineError(f"{trt.__name__} misses {len(missing)} weights of the engine, the first {missing[0]}")
        if not refitter.refit_cuda_engine():
            raise EngineError(f"{trt.__name__} does not refit this engine: {said.first_error()}")


def serialise(opened: OpenedEngine, path: Path, *, stripped: bool) -> bool:
    """Write the engine with its weights; whether they can be exchanged again.

    NvInferRuntime.h, ICudaEngine::serializeWithConfig: a stripped engine is serialised without its weights unless that
    flag is cleared, and with them it stays refittable only with kINCLUDE_REFIT, which TensorRT 10.13 lacks.
    """
    trt, engine = opened.trt, opened.engine
    config = engine.create_serialization_config()
    config.clear_flag(trt.SerializationFlag.EXCLUDE_WEIGHTS)
    stays = hasattr(trt.SerializationFlag, "INCLUDE_REFIT")
    if stripped and stays:
        config.set_flag(trt.SerializationFlag.INCLUDE_REFIT)
    with opened.log.listening() as said:
        plan = engine.serialize_with_config(config)
        if plan is None:
            raise EngineError(f"{trt.__name__} does not give the engine back: {said.first_error()}")
    with path.open("wb") as stream:
        stream.write(plan)
    return stays or not stripped


def cuda_of(device: int | None) -> Cuda:
    """Raises EngineError where there is no GPU, MissingDependencyError without cuda-python."""
    try:
        from cuda.bindings import driver
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"to refit an engine: {install('tensorrt')}") from error
    return Cuda(driver, device)


def record_of(bundle: Bundle) -> dict[str, Any]:
    """A bundle's `engine`. Raises ConfigError where its weights cannot be exchanged, BundleError for a damaged one."""
    if not bundle.engine:
        raise ConfigError(f"a bundle for {bundle.target} has no engine to refit: export again, it takes as long")
    if bundle.precision == "int8":
        raise ConfigError("an int8 bundle has scales that were measured for its weights: export the new weights again")
    wrong = misshapen({"engine": bundle.engine, "ranges": bundle.ranges}, READ)
    if wrong:
        raise BundleError(f"{MANIFEST}: damaged ({wrong}); export the bundle again")
    if not bundle.engine.get("refittable"):
        raise ConfigError("its engine was built without --refit, so its weights are fixed: export it again, with that")
    return bundle.engine
