"""State_dict keys: ours are the official ones, in order, and a configuration is recognised from them."""

import ast
from pathlib import Path

import pytest
import torch

from lama_deploy.checkpoints.keys import expected_shapes, recognise
from lama_deploy.errors import CheckpointError
from lama_deploy.model import build_generator
from lama_deploy.variants import VARIANTS, GeneratorConfig

KEY_FILES = Path(__file__).parents[2] / "data" / "keys"  # (key, shape, dtype) dumped from the official modules
PARAMETERS = {  # counted on the official modules
    "lama-fourier": 27_048_835,
    "big-lama": 50_975_875,
    "shallow-fourier": 19_073_155,
    "lama-regular": 45_617_731,
    "deep-regular": 73_947_715,
    "lama-dilated": 45_645_379,
}
CUSTOM = [
    GeneratorConfig(width=20, downsamplings=2, blocks=1, ratio=0.5),
    GeneratorConfig(width=64, max_channels=256, ratio=0.3, blocks=2),
    GeneratorConfig(width=49, downsamplings=1, blocks=1, ratio=3 / 98),
    GeneratorConfig(kind="dilated", width=12, blocks=2),
    GeneratorConfig(kind="regular", width=7, downsamplings=1, blocks=3, max_channels=9),
]


@pytest.mark.parametrize("name", PARAMETERS)
def test_official_keys_order_shapes_and_dtypes(name: str) -> None:
    lines = (KEY_FILES / f"{name.replace('-', '_')}.txt").read_text().splitlines()
    rows = [line.split("\t") for line in lines if not line.startswith("#")]
    official = [(key, tuple(ast.literal_eval(shape)), dtype) for key, shape, dtype in rows]
    with torch.device("meta"):
        generator = build_generator(name)
    ours = [(k, tuple(v.shape), str(v.dtype).removeprefix("torch.")) for k, v in generator.state_dict().items()]
    assert ours == official
    assert sum(p.numel() for p in generator.parameters()) == PARAMETERS[name]


@pytest.mark.parametrize("config", [*VARIANTS.values(), *CUSTOM], ids=str)
def test_expected_shapes_are_the_modules(config: GeneratorConfig) -> None:
    with torch.device("meta"):
        state = build_generator(config).state_dict()
    assert list(expected_shapes(config).items()) == [(key, tuple(value.shape)) for key, value in state.items()]


@pytest.mark.parametrize("config", [*VARIANTS.values(), *CUSTOM], ids=str)
def test_recognised_config_has_the_same_keys(config: GeneratorConfig) -> None:
    shapes = expected_shapes(config)
    assert expected_shapes(recognise(shapes)) == shapes


@pytest.mark.parametrize("name", VARIANTS)
def test_variants_are_recognised_exactly(name: str) -> None:
    assert recognise(expected_shapes(VARIANTS[name])) == VARIANTS[name]


def test_foreign_keys_are_not_lama() -> None:
    with pytest.raises(CheckpointError, match="no LaMa generator"):
        recognise({"conv1.weight": (64, 3, 7, 7)})


@pytest.mark.parametrize("kind", ["ffc", "regular"])
def test_as_many_keys_as_one_likes(kind: str) -> None:
    """2^20,000 channels by the number of names: nothing is computed of a number before its bounds are checked."""
    shapes = expected_shapes(GeneratorConfig(kind=kind, width=8, blocks=1))  # type: ignore[arg-type]
    more = [f"model.{i}.ffc.convl2l.weight" if kind == "ffc" else f"model.{i}.weight" for i in range(20_000)]
    with pytest.raises(CheckpointError, match="no LaMa generator"):
        recognise(dict.fromkeys(more, (8, 8, 3, 3)) | shapes)
