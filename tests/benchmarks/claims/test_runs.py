"""Budgets are equal, and a run that was stopped is gone on with only as itself."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from benchmarks.claims.runs import CONTENDERS, SIZES, parameters, shrunk_corpus, train_config, trained
from lama_deploy.errors import LamaDeployError
from lama_deploy.training.config import config_to_dict
from lama_deploy.training.state import CONFIG, LAST


@pytest.mark.parametrize("size", SIZES)
def test_parameter_counts_are_within_a_tenth(size: str) -> None:
    counts = [parameters(train_config(contender, SIZES[size], 0).generator) for contender in CONTENDERS]
    assert max(counts) <= 1.1 * min(counts)


@pytest.mark.parametrize("size", SIZES)
def test_only_the_generator_and_the_masks_differ(size: str) -> None:
    configs = [train_config(contender, SIZES[size], 0) for contender in CONTENDERS]
    rest = [
        replace(config, generator=configs[0].generator, data=replace(config.data, masks="train")) for config in configs
    ]
    assert rest == [rest[0]] * len(configs)
    assert len({(config.generator, config.data.masks) for config in configs}) == len(configs)


def test_training_pictures_are_shrunk_once(tmp_path: Path) -> None:
    for group in ("photos", "textures"):
        (tmp_path / "corpus" / "train" / group).mkdir(parents=True)
        Image.new("RGB", (300, 200)).save(tmp_path / "corpus" / "train" / group / "a.jpg")
    folder = shrunk_corpus(tmp_path / "corpus", 80, tmp_path / "out")
    files = sorted(folder.rglob("*.png"))
    assert [Image.open(file).size for file in files] == [(120, 80), (120, 80)]
    Image.fromarray(np.ones((4, 4, 3), np.uint8)).save(files[0])
    shrunk_corpus(tmp_path / "corpus", 80, tmp_path / "out")
    assert Image.open(files[0]).size == (4, 4)


def test_a_folder_of_another_run_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "runs" / "fourier-seed0"
    (folder / LAST).parent.mkdir(parents=True)
    (folder / LAST).touch()
    other = train_config(CONTENDERS[0], SIZES["smoke"], 1)
    (folder / CONFIG).write_text(yaml.safe_dump({"lama_deploy": config_to_dict(other)}))
    with pytest.raises(LamaDeployError, match="other settings"):
        trained(CONTENDERS[0], SIZES["smoke"], 0, tmp_path, tmp_path, "cpu")
