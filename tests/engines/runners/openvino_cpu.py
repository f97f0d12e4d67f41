"""OpenVINO's CPU plugin, in float32 on every processor."""

from functools import cache

import openvino
from common import serve


@cache
def core():
    """Never freed: see `lama_deploy/runtime/backends/openvino_core.py`; tests run this in their own process."""
    return openvino.Core()


def load(model):
    compiled = core().compile_model(core().read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda image, mask: compiled({"image": image, "mask": mask})[0]


if __name__ == "__main__":
    serve(load, "openvino", "numpy")
