"""What a refit writes in place of an export's files: the ONNX file of the new weights, and the old engine with them.

The file is written anew with the options of the bundle, and proven like an export's; the engine is proven where that
is.
"""

from __future__ import annotations

import re
import shutil
import time
from dataclasses import dataclass, replace
from pathlib import Path

import onnx

from lama_deploy.bundle import ENGINE, MODEL, PLUGIN_FILE, Bundle
from lama_deploy.errors import ConfigError
from lama_deploy.tensorrt.engine import open_engine
from lama_export.targets import ExportJob, Written, write_onnx
from lama_export.tensorrt.asked import DTYPES
from lama_export.tensorrt.refitting import cuda_of, refit, serialise


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
        cuda = cuda_of(self.device)
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


def _without_weights(model: onnx.ModelProto) -> bytes:
    """All but the numbers in float tensors; names, types and shapes stay."""
    bare = onnx.ModelProto()
    bare.CopyFrom(model)
    for tensor in bare.graph.initializer:
        if tensor.data_type in DTYPES and tensor.dims:
            tensor.ClearField("raw_data")
    return bare.SerializeToString(deterministic=True)
