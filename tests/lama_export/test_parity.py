"""Parity is law: every variant's file against the float64 oracle, at sizes it was not made for."""

import pytest

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.model import seeded_generator
from lama_deploy.proof.parity import measure
from lama_deploy.proof.reference import oracle
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from lama_deploy.variants import VARIANTS, GeneratorConfig
from lama_export.graph.model import onnx_from_state

# 16 to 1024 px; latents that are odd (3, 5, 9, 33), prime (11, 13, 17, 67, 127), non-square; sizes off the multiple
# of 8; batch 1 and 3.
DEMO_SIZES = [
    *(Size(16, 16), Size(16, 24, 3), Size(24, 40), Size(40, 16), Size(88, 104), Size(72, 136, 3), Size(101, 85)),
    *(Size(133, 77), Size(128, 128), Size(264, 24), Size(23, 264), Size(200, 200), Size(255, 257), Size(536, 104)),
    *(Size(104, 1016), Size(320, 312), Size(97, 193, 3), Size(1024, 40), Size(33, 1023), Size(512, 384)),
]
VARIANT_SIZES = [Size(72, 88), Size(101, 77, 3)]
SPREAD = 0.1


def seeded(config: GeneratorConfig, tmp_path_factory: pytest.TempPathFactory) -> Checkpoint:
    """Random but lively weights, for generators of which nobody has trained ones at hand."""
    path = tmp_path_factory.mktemp("weights") / "seeded.safetensors"
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config, seed=7).state_dict().items()}
    save_checkpoint(path, config, state)
    return load_checkpoint(path)


def check(weights: Checkpoint, sizes: list[Size], tmp_path_factory: pytest.TempPathFactory, io: str) -> None:
    folder = tmp_path_factory.mktemp("parity")
    model = onnx_from_state(weights.config, weights.state_dict, io=io)  # type: ignore[arg-type]
    (folder / "model.onnx").write_bytes(model.SerializeToString())
    record = measure(
        OnnxRuntimeBackend(folder / "model.onnx", threads=2),
        oracle(weights),
        sizes,
        tolerance_of("fp32"),
    )
    assert record.passed, [(case.subject, case.broken) for case in record.cases if not case.passed]
    assert max(case.spread for case in record.cases) > SPREAD


@pytest.mark.slow
def test_trained_demo_generator_at_twenty_sizes(tmp_path_factory: pytest.TempPathFactory) -> None:
    check(load_weights("lama-demo"), DEMO_SIZES, tmp_path_factory, "uint8")


def test_trained_demo_generator_at_some_of_them(tmp_path_factory: pytest.TempPathFactory) -> None:
    check(load_weights("lama-demo"), DEMO_SIZES[1::4], tmp_path_factory, "uint8")


def test_trained_demo_generator_with_floats(tmp_path_factory: pytest.TempPathFactory) -> None:
    check(load_weights("lama-demo"), DEMO_SIZES[::4], tmp_path_factory, "float")


REPEATED = ("big-lama", "deep-regular", "shallow-fourier")  # of whose layers another variant has more or fewer


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow if name in REPEATED else ())
        for name in VARIANTS
        if name != "lama-demo"
    ],
)
def test_every_variant(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    check(seeded(VARIANTS[name], tmp_path_factory), VARIANT_SIZES, tmp_path_factory, "float")


@pytest.mark.parametrize(
    "config",
    [
        GeneratorConfig(width=12, downsamplings=2, blocks=1, ratio=0.4),
        GeneratorConfig(width=16, blocks=2, ratio=0.75, max_channels=40),
        GeneratorConfig(kind="dilated", width=8, downsamplings=1, blocks=1),
        GeneratorConfig(kind="regular", width=6, downsamplings=4, blocks=2),
    ],
    ids=str,
)
def test_any_width_depth_and_ratio(config: GeneratorConfig, tmp_path_factory: pytest.TempPathFactory) -> None:
    check(
        seeded(config, tmp_path_factory),
        [Size(64, 96), Size(37, 50, 2), Size(1, 1), Size(3, 130)],
        tmp_path_factory,
        "float",
    )
