"""Fills holes in Triton's python backend: the bundle beside this file, by lama-deploy in the Python of the server.

Written by lama-export --to triton --triton-backend python. Inputs, outputs and parameters: config.pbtxt.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import triton_python_backend_utils as pb_utils  # of the server

from lama_deploy import Inpainter
from lama_deploy.errors import ImageError, LamaDeployError
from lama_deploy.runtime.strategies.options import StrategyOptions

TEXTS = ("strategy", "cache", "precision")  # parameters besides whole numbers
CUTTING = ("strategy", "limit", "margin")


class TritonPythonModel:
    def initialize(self, args: dict[str, str]) -> None:
        try:
            _require_tensors_that_arrive()
            given = json.loads(args["model_config"])["parameters"]
            texts = {name: value["string_value"] for name, value in given.items()}
            sizes = [tuple(map(int, size.split("x"))) for size in texts.pop("warm_up", "").split()]
            options: dict[str, Any] = {name: text if name in TEXTS else int(text) for name, text in texts.items()}
            strategy = StrategyOptions(**{name: options.pop(name) for name in CUTTING if name in options})
            bundle = Path(args["model_repository"]) / args["model_version"] / "bundle"
            self.inpaint = Inpainter.load(bundle, strategy=strategy, **options)
            self.inpaint.warm_up((height, width) for width, height in sizes)
        except (LamaDeployError, ValueError, TypeError) as error:
            raise pb_utils.TritonModelException(str(error)) from None

    def execute(self, requests: list[Any]) -> list[Any]:
        return [self._response(request) for request in requests]

    def _response(self, request: Any) -> Any:
        """A bad request costs itself."""
        try:
            image, mask = (_host(request, name) for name in ("image", "mask"))
            result = self._result(image, mask)
            return pb_utils.InferenceResponse([pb_utils.Tensor("result", np.ascontiguousarray(result))])
        except LamaDeployError as error:
            codes = pb_utils.TritonError
            code = codes.INVALID_ARG if isinstance(error, ImageError) else codes.INTERNAL
            return pb_utils.InferenceResponse([], pb_utils.TritonError(str(error), code))

    def _result(self, image: Any, mask: Any) -> Any:
        if image.ndim not in (3, 4) or image.shape[-1] != 3 or 0 in image.shape:
            raise ImageError(
                f"image is {list(image.shape)}; allowed: [height,width,3] or [pictures,height,width,3], RGB"
            )
        if mask.shape != image.shape[:-1]:
            expected = list(image.shape[:-1])
            raise ImageError(f"mask is {list(mask.shape)} beside an image of {list(image.shape)}; give {expected}")
        if image.ndim == 4:
            return self.inpaint.run(image, mask)
        return self.inpaint.run(image[None], mask[None])[0]


def _host(request: Any, name: str) -> Any:
    tensor = pb_utils.get_input_tensor_by_name(request, name)
    if not tensor.is_cpu():
        raise ImageError(f"{name} lies in the memory of a GPU; send it in the request or in system shared memory")
    return tensor.as_numpy()


def _require_tensors_that_arrive() -> None:
    """The backend of Triton before 24.11 takes the arrays of NumPy 2 for empty, and gives clients empty results."""
    probe = np.arange(1, 3, dtype=np.uint8)
    if np.lib.NumpyVersion(np.__version__) < "2.0.0":
        return
    packed = pb_utils.Tensor("probe", probe).to_dlpack()
    if pb_utils.Tensor.from_dlpack("probe", packed).as_numpy().tolist() != probe.tolist():
        raise pb_utils.TritonModelException(
            f"this server's python backend gives empty results with NumPy {np.__version__}; install numpy<2 in the "
            "Python that it runs, or use Triton 24.11 or newer"
        )
