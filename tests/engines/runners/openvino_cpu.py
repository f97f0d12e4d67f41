"""OpenVINO's CPU plugin, in float32 on every processor."""

import openvino
from common import serve


def load(model):
    core = openvino.Core()
    compiled = core.compile_model(core.read_model(model), "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda image, mask: compiled({"image": image, "mask": mask})[0]


if __name__ == "__main__":
    serve(load, "openvino", "numpy")
