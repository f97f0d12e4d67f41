"""New weights in an engine that is built already, in seconds: the ONNX file of the new weights goes into the old one.

The file is written anew with the options of the bundle, and proven like an export's; the engine is proven where that
is. Only initialisers were made refittable (`configure`), which OnnxParserRefitter finds by their names.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.bundle import ENGINE, MANIFEST, MODEL, PLUGIN_FILE, Bundle
from lama_deploy.errors import BundleError, ConfigError, EngineError, MissingDependencyError
from lama_deploy.installing import install
from lama_deploy.json_shape import TEXT, Rule, misshapen
from lama_deploy.tensorrt.cuda_driver import Cuda
from lama_deploy.tensorrt.engine import OpenedEngine, open_engine
from lama_export.targets import ExportJob, Written, write_onnx
from lama_export.tensorrt.asked import DTYPES

TRUTH = Rule("true or false", lambda value: isinstance(value, bool))
# Of `bundle.json`, what is read here besides what every reader of bundles has looked at.
READ = {
    "engine": dict.fromkeys(("refittable?", "stripped?", "tf32?"), TRUTH),
    "ranges": {"calibration?": {"folder": TEXT}},
}


@dataclass(frozen=True)
class Refitter:
    """A target's writer (`targets.WRITERS`) that takes the engine of a bundle and gives it the job's weights.

    device: the GPU that does it, None for the current one.
    """

    directory: Path
    bundle: Bundle
    device: int | None = None

    def __call__(self, job: ExportJob, path: Path) -> Written:
        """Raises ConfigError where the new file differs in more than weights, EngineError for what TensorRT refuses."""
        written = write_onnx(job, path.with_name(MODEL))
        self._require_same(written.model)
        for name in self.bundle.files:
            if re.fullmatch(PLUGIN_FILE, name):
                shutil.copyfile(self.directory / name, path.with_name(name))
        start = time.perf_counter()
        cuda = _cuda(self.device)
        with cuda.current():
            stays = self._refit(cuda.device(), written.path, path)
        took = {"refit_seconds": round(time.perf_counter() - start, 1)}
        filled = {"stripped": False, "refittable": stays, "executed": False, "parity": {}}
        return replace(written, engine={**self.bundle.engine, **filled, **took})

    def _require_same(self, model: onnx.ModelProto) -> None:
        if _without_weights(model) != _without_weights(onnx.load(self.directory / MODEL)):
            raise ConfigError(
                f"{self.directory}: its model differs in more than weights from the one of these, as that of another "
                "version of lama-export does: export again"
            )

    def _refit(self, gpu: dict[str, str], model: Path, path: Path) -> bool:
        opened = open_engine(self.directory / ENGINE, check=False, gpu=gpu, to_refit=True)
        refit(opened, model)
        return serialise(opened, path, stripped=self.bundle.engine.get("stripped", False))


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


def _cuda(device: int | None) -> Cuda:
    """Raises EngineError where there is no GPU, MissingDependencyError without cuda-python."""
    try:
        from cuda.bindings import driver
    except ModuleNotFoundError as error:
        raise MissingDependencyError(f"to refit an engine: {install('tensorrt')}") from error
    return Cuda(driver, device)


def _without_weights(model: onnx.ModelProto) -> bytes:
    """All but the numbers in float tensors; names, types and shapes stay."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for tensor in bare.graph.initializer:
        if tensor.data_type in DTYPES and tensor.dims:
            tensor.ClearField("raw_data")
    return bare.SerializeToString(deterministic=True)


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
