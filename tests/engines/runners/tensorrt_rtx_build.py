"""TensorRT-RTX: parses the file and builds an engine for GPUs that are not here, and computes nothing."""

import numpy as np
import tensorrt_rtx as trt
from common import serve

AMPERE = "8.6"


class Quiet(trt.ILogger):
    def __init__(self):
        super().__init__()
        self.errors = []

    def log(self, severity, message):
        if severity <= trt.ILogger.Severity.ERROR:
            self.errors.append(message)


def load(model):
    logger = Quiet()
    builder = trt.Builder(logger)

    def build(image, mask):
        network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
        parser = trt.OnnxParser(network, logger)
        if not parser.parse_from_file(model):
            raise RuntimeError("; ".join(parser.get_error(i).desc() for i in range(parser.num_errors)))
        config = builder.create_builder_config()
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.SM86, 0)
        profile = builder.create_optimization_profile()
        for name, shape in (("image", image.shape), ("mask", mask.shape)):
            profile.set_shape(name, shape, shape, shape)
        config.add_optimization_profile(profile)
        if builder.build_serialized_network(network, config) is None:
            raise RuntimeError("; ".join(logger.errors) or "no engine was built, and no reason given")
        return np.zeros(0, np.uint8)

    return build


if __name__ == "__main__":
    serve(load, "tensorrt-rtx-cu13")
