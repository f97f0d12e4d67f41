"""A machine with an emulated GPU and an emulated TensorRT, and the engines on it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.runtime.backends.tensorrt import TensorRtBackend
from tests.lama_deploy.tensorrt.emulated_cuda import EmulatedDriver
from tests.lama_deploy.tensorrt.emulated_tensorrt import Engine, computing, emulated_bundle

Shapes = Sequence[tuple[int, int, int]]
SMALL: Shapes = [(1, 16, 16), (1, 32, 32), (2, 48, 64)]
LARGE: Shapes = [(1, 48, 48), (1, 64, 64), (1, 96, 96)]


@dataclass
class Machine:
    """A GPU that is none, and TensorRT on it."""

    driver: EmulatedDriver
    trt: Any
    bundles: Mapping[str, Path]
    folder: Path

    def bundle(self, *profiles: Shapes, io: str = "uint8", **plan: Any) -> Path:
        rtx = self.trt.__name__ == "tensorrt_rtx"
        return emulated_bundle(self.bundles[io], self.folder / "bundle", profiles or [SMALL, LARGE], rtx=rtx, **plan)

    def open(self, *profiles: Shapes, io: str = "uint8", **options: Any) -> TensorRtBackend:
        return TensorRtBackend(self.bundle(*profiles, io=io) / "model.engine", **options)

    def expected(self, images: np.ndarray, masks: np.ndarray, io: str = "uint8") -> np.ndarray:
        return computing(self.bundles[io] / "model.onnx").run(images, masks)

    @property
    def engine(self) -> Engine:
        engine: Engine = self.trt.engines[-1]
        return engine
