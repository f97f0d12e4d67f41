"""TensorRT-RTX: parses the file and builds an engine for GPUs that are not here, and computes nothing."""

import numpy as np
import tensorrt_rtx as trt
from common import serve

MOST = 1024  # pixels a side, and pictures at once, of files that take any number


class Quiet(trt.ILogger):
    def __init__(self):
        super().__init__()
        self.errors = []

    def log(self, severity, message):
        if severity <= trt.ILogger.Severity.ERROR:
            self.errors.append(message)


def parsed(model, logger=None):
    """The network of a file. Raises RuntimeError with the parser's words."""
    logger = logger or Quiet()
    builder = trt.Builder(logger)
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, logger)
    if not parser.parse_from_file(model):
        raise RuntimeError("; ".join(parser.get_error(index).desc() for index in range(parser.num_errors)))
    return builder, network


def load(model):
    logger = Quiet()

    def build(image, mask):
        builder, network = parsed(model, logger)
        config = builder.create_builder_config()
        config.num_compute_capabilities = 1
        config.set_compute_capability(trt.ComputeCapability.SM86, 0)
        profile = builder.create_optimization_profile()
        for index, value in enumerate((image, mask)):
            taken = network.get_input(index)
            least, most = ([one if size < 0 else size for size in taken.shape] for one in (1, MOST))
            profile.set_shape(taken.name, least, value.shape, [value.shape[0], *most[1:]])
        config.add_optimization_profile(profile)
        if builder.build_serialized_network(network, config) is None:
            raise RuntimeError("; ".join(logger.errors) or "no engine was built, and no reason given")
        return np.zeros(0, np.uint8)

    return build


if __name__ == "__main__":
    serve(load, "tensorrt-rtx-cu13")
