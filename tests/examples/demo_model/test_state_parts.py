"""A state in parts: joined it is the state but for rounding, and at any moment there is a whole one."""

import json
from pathlib import Path

import pytest
import torch
from lightning_fabric import Fabric

from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.errors import CheckpointError
from lama_deploy.training.config import DataConfig, DiscriminatorConfig, LossConfig, OptimizerConfig, TrainConfig
from lama_deploy.training.loop import build_networks
from lama_deploy.training.state import LAST, read_state, restore_run, save_run
from lama_deploy.training.step import Networks
from lama_deploy.variants import GeneratorConfig
from state_parts import MANIFEST, WEIGHTS, join_parts, read_facts, write_parts

PART = 30_000
CONFIG = TrainConfig(
    generator=GeneratorConfig(width=4, blocks=1),
    discriminator=DiscriminatorConfig(width=4, layers=2),
    losses=LossConfig(perceptual_weight=0.0),
    optimizer=OptimizerConfig(ema=0.5),
    data=DataConfig(crop=32),
    channels_last=True,
)


def networks(seed: int) -> Networks:
    """With moments as after a step."""
    nets = build_networks(Fabric(accelerator="cpu", devices=1), CONFIG, None)
    torch.manual_seed(seed)
    for optimizer in (nets.generator_optimizer, nets.discriminator_optimizer):
        for parameter in optimizer.param_groups[0]["params"]:
            parameter.data.normal_()
            square = torch.rand_like(parameter) * 1e-12  # below half precision's range
            moments = {"exp_avg": torch.randn_like(parameter), "exp_avg_sq": square}
            optimizer.state[parameter] = {"step": torch.tensor(float(seed)), **moments}
    return nets


@pytest.fixture
def saved(tmp_path: Path) -> Path:
    """The trainer's folder after seven steps, and its state in parts beside it."""
    save_run(tmp_path / "run", CONFIG, networks(7), 7)
    write_parts(tmp_path / "state", tmp_path / "run" / LAST, CONFIG.generator, {"run": "new"}, PART)
    return tmp_path


def test_joined_state_is_the_state_but_for_rounding(saved: Path) -> None:
    join_parts(saved / "state", saved / "joined" / LAST)
    fresh = networks(1)
    assert restore_run(saved / "joined", CONFIG, fresh) == 7
    whole, joined = read_state(saved / "run" / LAST), read_state(saved / "joined" / LAST)
    for key, tensor in whole["state_dict"].items():
        torch.testing.assert_close(joined["state_dict"][key], tensor, rtol=1e-3, atol=1e-6)
    for one, other in zip(whole["optimizer_states"], joined["optimizer_states"], strict=True):
        assert one["param_groups"][0]["lr"] == other["param_groups"][0]["lr"]
        for index, moments in one["state"].items():
            for name, tensor in moments.items():
                torch.testing.assert_close(other["state"][index][name], tensor, rtol=1e-2, atol=0)


def test_parts_are_small_and_weights_are_the_average(saved: Path) -> None:
    parts = sorted((saved / "state").glob("part-*"))
    assert len(parts) > 2 and all(path.stat().st_size <= PART for path in parts)
    average = load_checkpoint(saved / "run" / "generator.safetensors")
    travelled = load_checkpoint(saved / "state" / WEIGHTS)
    assert travelled.config == CONFIG.generator
    for key, array in average.state_dict.items():
        torch.testing.assert_close(*map(torch.from_numpy, (travelled.state_dict[key], array)), rtol=1e-3, atol=1e-6)
    assert read_facts(saved / "state") == {"run": "new", "step": 7}


@pytest.mark.parametrize("survives", range(4))
def test_killed_at_any_rename_there_is_a_whole_state(
    saved: Path, monkeypatch: pytest.MonkeyPatch, survives: int
) -> None:
    """Neither the old state nor the new one is lost, and the next save cleans up."""
    save_run(saved / "run", CONFIG, networks(8), 8)
    real, calls = Path.rename, []

    def rename(path: Path, target: Path) -> Path:
        calls.append(1)
        if len(calls) > survives:
            raise KeyboardInterrupt
        return real(path, target)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", rename)
        try:
            write_parts(saved / "state", saved / "run" / LAST, CONFIG.generator, {}, PART)
        except KeyboardInterrupt:
            assert survives < 2
    assert read_facts(saved / "state")["step"] in (7, 8)
    join_parts(saved / "state", saved / "joined" / LAST)
    write_parts(saved / "state", saved / "run" / LAST, CONFIG.generator, {}, PART)
    assert read_facts(saved / "state")["step"] == 8
    assert sorted(path.name for path in saved.iterdir() if path.name.startswith("state")) == ["state"]


@pytest.mark.parametrize("name", [MANIFEST, WEIGHTS, "part-2.safetensors"])
@pytest.mark.parametrize("damage", ["cut", "gone"])
def test_damaged_state_is_one_line(saved: Path, name: str, damage: str) -> None:
    path = saved / "state" / name
    if damage == "gone":
        path.unlink()
    else:
        path.write_bytes(path.read_bytes()[:-5])
    with pytest.raises(CheckpointError, match="no whole state to go on from") as caught:
        join_parts(saved / "state", saved / "joined" / LAST)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("values", [{}, {"files": {}}, {"files": {}, "groups": 3, "step": "x"}, {"files": [1]}])
def test_manifest_of_something_else(saved: Path, values: dict) -> None:
    (saved / "state" / MANIFEST).write_text(json.dumps(values))
    with pytest.raises(CheckpointError) as caught:
        join_parts(saved / "state", saved / "joined" / LAST)
    assert "\n" not in str(caught.value)
