"""TensorRT-RTX's parser takes the file as it is, local functions and bytes included, and builds a dynamic engine."""

import numpy as np
import pytest

from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export.onnx_model import onnx_from_state

CONFIG = GeneratorConfig(width=16, blocks=1)


@pytest.mark.trt
@pytest.mark.parametrize(
    ("io", "precision"), [("uint8", "fp32"), ("float", "fp32"), ("uint8", "fp16"), ("float", "fp16")]
)
def test_engine_builds_from_the_same_file(io: str, precision: str) -> None:
    import tensorrt_rtx as trt

    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG).state_dict().items()}
    model = onnx_from_state(CONFIG, state, io=io, precision=precision)  # type: ignore[arg-type]
    builder = trt.Builder(trt.Logger(trt.Logger.ERROR))
    network = builder.create_network(1 << int(trt.NetworkDefinitionCreationFlag.STRONGLY_TYPED))
    parser = trt.OnnxParser(network, builder.logger)
    assert parser.parse(model.SerializeToString()), parser.get_error(0).desc()
    config, profile = builder.create_builder_config(), builder.create_optimization_profile()
    for index in range(network.num_inputs):
        tensor = network.get_input(index)
        free = np.flatnonzero(np.array(tuple(tensor.shape)) == -1)  # N, H, W
        profile.set_shape(tensor.name, *(_filled(tensor.shape, free, side) for side in (64, 256, 512)))
    config.add_optimization_profile(profile)
    assert builder.build_serialized_network(network, config) is not None


def _filled(shape: tuple[int, ...], free: np.ndarray, side: int) -> tuple[int, ...]:
    dims = list(shape)
    for axis, size in zip(free, (1, side, side), strict=True):
        dims[axis] = size
    return tuple(dims)
