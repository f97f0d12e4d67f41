"""The run: interrupted and resumed to the bit, stopped at what is not finite, and refused in one line."""

import errno
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image
from torch import nn

from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.errors import CheckpointError, ConfigError, DataError, TrainingError, WeightsNotFoundError
from lama_deploy.model import build_generator, seeded_generator
from lama_deploy.training import loop, losses
from lama_deploy.training.data import TrainingSamples, training_batches
from lama_deploy.training.loop import AVERAGE_BATCHES, make_fabric, measure_average, set_learning_rates, train
from lama_deploy.training.state import LAST, WEIGHTS
from lama_deploy.training.step import generator_input
from lama_deploy.training.watch import Watch
from lama_deploy.variants import GeneratorConfig


def content(out: Path) -> dict:
    return torch.load(out / LAST, weights_only=True)


def check_equal(one: object, other: object, where: str = "") -> None:
    """Nested dictionaries and lists of tensors and values, to the bit."""
    assert type(one) is type(other), where
    if isinstance(one, dict):
        assert list(one) == list(other), where
        for key, value in one.items():
            check_equal(value, other[key], f"{where}.{key}")
    elif isinstance(one, list):
        assert len(one) == len(other), where
        for index, value in enumerate(one):
            check_equal(value, other[index], f"{where}.{index}")
    elif isinstance(one, torch.Tensor):
        assert one.dtype == other.dtype and torch.equal(one, other), where
    else:
        assert one == other, where


def parameters(out: Path, prefix: str) -> dict[str, torch.Tensor]:
    state = content(out)["state_dict"]
    return {key: tensor for key, tensor in state.items() if key.startswith(prefix) and key.endswith("weight")}


RESUMED = {
    "cosine, average": {"optimizer": {"decay": "cosine", "ema": 0.5}},
    "reused fakes": {"optimizer": {"decay": "constant", "ema": None, "fresh_fakes": False}},
    "bfloat16": {"precision": "bf16-mixed", "channels_last": True, "data": {"augmentation": "distortions"}},
}


@pytest.mark.parametrize("case", RESUMED)
def test_resumed_run_is_the_uninterrupted_one_to_the_bit(config, change, run, tmp_path, case):
    """Weights, averages, BN statistics, moments, step: after four steps in a row, and after 1 + 2 + 1."""
    config = change(config, **RESUMED[case])
    train(config, run)
    whole, parts = run.out, replace(run, out=tmp_path / "parts")
    train(config, replace(parts, stop_after=1))
    assert content(parts.out)["global_step"] == 1
    train(config, replace(parts, stop_after=2, resume=True))
    assert content(parts.out)["global_step"] == 3
    train(config, replace(parts, resume=True))
    check_equal(content(whole), content(parts.out))
    assert content(whole)["global_step"] == 4
    assert (whole / WEIGHTS).read_bytes() == (parts.out / WEIGHTS).read_bytes()


def test_run_that_was_killed_goes_on_from_the_last_save(config, run, tmp_path, monkeypatch):
    """Killed in step 4, saved after step 2: step 3 is done again, as it was."""
    train(config, run)
    killed = replace(run, out=tmp_path / "killed")
    real, calls = loop.training_step, []

    def step(*arguments: object) -> object:
        calls.append(1)
        if len(calls) == 4:
            raise KeyboardInterrupt
        return real(*arguments)

    monkeypatch.setattr(loop, "training_step", step)
    with pytest.raises(KeyboardInterrupt):
        train(config, killed)
    monkeypatch.undo()
    assert content(killed.out)["global_step"] == 2
    train(config, replace(killed, resume=True))
    check_equal(content(run.out), content(killed.out))


def test_run_trains_and_writes(config, run, capsys):
    """Every weight of both networks has moved; a grid of pictures, logs and all files are there."""
    train(config, run)
    torch.manual_seed(config.seed)
    fresh = build_generator(config.generator).state_dict()
    for key, tensor in parameters(run.out, "generator.").items():
        assert not torch.equal(tensor, fresh[key.removeprefix("generator.")]), key
    found = sorted(str(path.relative_to(run.out)) for path in run.out.rglob("*") if path.is_file())
    events = [name for name in found if name.startswith("tensorboard/")]
    assert len(events) == 1
    assert found == [
        ".lock",
        "config.yaml",
        "generator.safetensors",
        "models/last.ckpt",
        "samples/00000003.png",
        *events,
    ]
    with Image.open(run.out / "samples" / "00000003.png") as grid:
        assert grid.size == (4 * 32, 2 * 32)
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(":")[0] for line in lines if line.startswith("step ")] == ["step 2", "step 4"]
    assert all(name in lines[0] for name in ("gen_l1", "gen_adv", "gen_fm", "discr_adv", "adv_discr_real_gp"))
    assert any(line.startswith(f"written to {run.out}") for line in lines)
    assert load_checkpoint(run.out).config == config.generator
    measured = content(run.out)["state_dict"]["generator_average.model.1.bn_l.num_batches_tracked"]
    assert measured == config.steps  # over the batches of all four steps


class ByTheClock(Watch):
    """Saves after the first step, ends after the third; all the run lies behind it from the start."""

    def __init__(self) -> None:
        self.saves: list[int] = []

    def share(self, step: int, steps: int) -> float:
        return 1.0

    def wants_save(self, step: int) -> bool:
        return step == 1

    def is_enough(self, step: int) -> bool:
        return step == 3

    def saved(self, step: int) -> None:
        self.saves.append(step)


def test_watch_governs_the_run(config, run, capsys):
    """When it is saved and ends, and its learning rates: with none left, weights stay as they were."""
    watch = ByTheClock()
    train(replace(config, steps=9), run, watch=watch)
    assert watch.saves == [1, 2, 3]  # 2 is the configuration's
    assert content(run.out)["global_step"] == 3
    torch.manual_seed(config.seed)
    fresh = build_generator(config.generator).state_dict()
    for key, tensor in parameters(run.out, "generator.").items():
        assert torch.equal(tensor, fresh[key.removeprefix("generator.")]), key
    assert "lama-export" not in capsys.readouterr().out


def test_existing_run_is_not_overwritten(config, run):
    train(config, replace(run, stop_after=1))
    before = (run.out / LAST).read_bytes()
    with pytest.raises(
        TrainingError, match="holds a run already; go on with --resume, use another --out, or --overwrite"
    ):
        train(config, run)
    assert (run.out / LAST).read_bytes() == before


def test_finished_run_says_so(config, run):
    train(config, run)
    with pytest.raises(TrainingError, match="its 4 steps are done already; set steps higher to go on"):
        train(config, replace(run, resume=True))
    train(replace(config, steps=5), replace(run, resume=True))
    assert content(run.out)["global_step"] == 5


def test_nothing_to_resume(config, run):
    with pytest.raises(CheckpointError, match="no saved state here; start without --resume"):
        train(config, replace(run, resume=True))


def from_step(number: int, monkeypatch: pytest.MonkeyPatch, name: str, value: object) -> None:
    """From its n-th call on, a loss is something else."""
    real, calls = getattr(losses, name), []

    def loss(*arguments: torch.Tensor) -> torch.Tensor:
        calls.append(1)
        return real(*arguments) if len(calls) < number else value(real(*arguments))

    monkeypatch.setattr(losses, name, loss)


NOT_FINITE = {
    "gen_l1": ("masked_l1", math.nan),
    "gen_fm": ("feature_matching", math.inf),
    "discr_adv": ("adversarial_discriminator", math.inf),
    "discr_r1": ("r1_penalty", math.nan),
}


@pytest.mark.parametrize("term", NOT_FINITE)
def test_loss_that_is_not_finite_stops_the_run(config, run, monkeypatch, term):
    """In the step after a save: the pictures are named, the saved state is not touched, and the run can go on."""
    config = replace(config, save_every=1)
    name, value = NOT_FINITE[term]
    from_step(2, monkeypatch, name, lambda loss: loss * value)
    with pytest.raises(TrainingError) as caught:
        train(config, run)
    message = str(caught.value)
    names = next(iter(training_batches(TrainingSamples(run.data, config.data, config.seed), 1, 2))).names
    assert message.startswith(f"step 1: {term} is not finite on the batch of {', '.join(names)}; ")
    assert f"the last good state is {run.out / LAST}" in message and "\n" not in message
    saved = content(run.out)
    assert saved["global_step"] == 1
    assert all(tensor.isfinite().all() for tensor in saved["state_dict"].values())
    monkeypatch.undo()
    train(config, replace(run, resume=True, stop_after=1))
    assert content(run.out)["global_step"] == 2


def test_loss_that_is_not_finite_before_anything_was_saved(config, run, monkeypatch):
    from_step(1, monkeypatch, "masked_l1", lambda loss: loss * math.nan)
    with pytest.raises(TrainingError, match=r"step 0: gen_l1 is not finite .*; no state was saved yet"):
        train(config, run)
    assert not (run.out / LAST).exists()


@pytest.mark.parametrize("name", ["masked_l1", "adversarial_discriminator"])
def test_gradient_that_is_not_finite_is_not_saved(config, change, run, monkeypatch, name):
    """The loss is finite, its derivative is not: at 0, that of a square root is infinite."""
    config = change(config, optimizer={"fresh_fakes": False}, save_every=1)
    from_step(3, monkeypatch, name, lambda loss: loss + ((loss - loss.detach()) * 0).sqrt())
    side = "gen" if name == "masked_l1" else "discr"
    with pytest.raises(TrainingError, match=f"step 2: {side}_gradient is not finite"):
        train(config, run)
    saved = content(run.out)
    assert saved["global_step"] == 2
    assert all(tensor.isfinite().all() for tensor in saved["state_dict"].values())


@pytest.mark.parametrize("where", ["state", "samples"])
def test_full_disk_is_one_line_and_leaves_the_last_state(config, run, monkeypatch, where):
    train(config, replace(run, stop_after=2))
    before = {path: path.read_bytes() for path in (run.out / LAST, run.out / WEIGHTS)}

    def fail(*arguments: object, **options: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(*((os, "fsync") if where == "state" else (Image.Image, "save")), fail)
    with pytest.raises(TrainingError, match=r"could not be written .*No space left on device.*--resume") as caught:
        train(config, replace(run, resume=True))
    assert "\n" not in str(caught.value)
    assert {path: path.read_bytes() for path in before} == before
    assert not list(run.out.rglob("*.partial"))


def test_out_that_is_a_file(config, run, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TrainingError, match="could not be written"):
        train(config, replace(run, out=tmp_path / "file"))
    assert (tmp_path / "file").read_text() == "x"


def test_data_without_pictures(config, run, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match="no pictures here"):
        train(config, replace(run, data=tmp_path / "empty"))
    assert not run.out.exists()


def save_weights(path: Path, generator: nn.Module, config: GeneratorConfig) -> Path:
    save_checkpoint(path, config, {key: tensor.numpy() for key, tensor in generator.state_dict().items()})
    return path


def test_fine_tuning_starts_from_the_given_weights(config, change, run, tmp_path):
    """With a rate of almost nothing, the weights are still there afterwards; the average too."""
    given = seeded_generator(config.generator, seed=3)
    path = save_weights(tmp_path / "given.safetensors", given, config.generator)
    config = change(config, optimizer={"generator_lr": 1e-12}, steps=2)
    train(config, replace(run, weights=str(path)))
    for prefix in ("generator.", "generator_average."):
        for key, tensor in parameters(run.out, prefix).items():
            torch.testing.assert_close(tensor, given.state_dict()[key.removeprefix(prefix)])
    assert given.training is False


def test_fine_tuning_goes_on_from_a_run_of_ours(config, change, run, tmp_path):
    """From OUT of another run, whose configuration is recognised by its shapes alone."""
    odd = change(config, generator=GeneratorConfig(width=4, blocks=1, ratio=0.34, max_channels=24))
    train(odd, replace(run, stop_after=1))
    tuned = replace(run, out=tmp_path / "tuned", weights=str(run.out))
    train(change(odd, optimizer={"generator_lr": 1e-12}, steps=1), tuned)
    for key, tensor in parameters(run.out, "generator.").items():
        torch.testing.assert_close(content(tuned.out)["state_dict"][key], tensor)


def test_weights_of_another_generator(config, run, tmp_path):
    other = GeneratorConfig(kind="regular", width=4, blocks=1)
    path = save_weights(tmp_path / "other.safetensors", build_generator(other), other)
    with pytest.raises(CheckpointError) as caught:
        train(config, replace(run, weights=str(path)))
    message = str(caught.value)
    assert "holds {kind: regular, width: 4," in message and "wants {kind: ffc, width: 4," in message
    assert "use --set generator='{kind: regular, " in message and "\n" not in message
    with pytest.raises(WeightsNotFoundError, match="no checkpoint there"):
        train(config, replace(run, weights=str(tmp_path / "none.ckpt")))
    assert not (run.out / LAST).exists()


def test_learning_rates(config, change, networks):
    """Cosine: full at first, half in the middle, nothing after the last step. Both networks' keep their proportion."""
    config = change(config, optimizer={"generator_lr": 0.4, "discriminator_lr": 0.1}, steps=8)
    nets = networks(config)

    def rates(step: int) -> list[float]:
        set_learning_rates(config, nets, step / config.steps)
        groups = (*nets.generator_optimizer.param_groups, *nets.discriminator_optimizer.param_groups)
        return [group["lr"] for group in groups]

    assert rates(0) == pytest.approx([0.4, 0.1])
    assert rates(4) == pytest.approx([0.2, 0.05])
    assert rates(2) == pytest.approx([0.4 * 0.853553, 0.1 * 0.853553], rel=1e-5)
    assert 0 < rates(7)[0] < 0.02
    config = change(config, optimizer={"decay": "constant"})
    assert rates(7) == [0.4, 0.1]


def test_average_has_statistics_of_its_own(fabric, config, networks, pictures):
    """Means over the last batches of the steps before, of what its own layers see; nothing else of it changes."""
    nets = networks(config)
    samples = TrainingSamples(pictures, config.data, config.seed)
    with torch.no_grad():
        for p in nets.average.parameters():
            p.mul_(1.5)
    before = {name: p.clone() for name, p in nets.average.named_parameters()}
    step = AVERAGE_BATCHES + 2
    measure_average(fabric, nets, samples, step)
    layer = nets.average.model[1]
    padded = [nn.ReflectionPad2d(3)(generator_input(batch)) for batch in training_batches(samples, 2, step)]
    with torch.no_grad():
        maps = [layer.ffc.convl2l(x) for x in padded]
    means = torch.stack([x.mean(dim=(0, 2, 3)) for x in maps]).mean(dim=0)
    variances = torch.stack([x.var(dim=(0, 2, 3)) for x in maps]).mean(dim=0)
    torch.testing.assert_close(layer.bn_l.running_mean, means, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(layer.bn_l.running_var, variances, rtol=1e-4, atol=1e-5)
    assert all(torch.equal(p, before[name]) for name, p in nets.average.named_parameters())
    assert not nets.average.training and layer.bn_l.momentum == 0.1
    again = {name: tensor.clone() for name, tensor in nets.average.named_buffers()}
    measure_average(fabric, nets, samples, step)
    assert all(torch.equal(tensor, again[name]) for name, tensor in nets.average.named_buffers())


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is the GPU that the run must miss")
def test_accelerator_that_is_not_there(config, run):
    with pytest.raises(ConfigError, match="1 x accelerator 'cuda' cannot be had here: ") as caught:
        train(config, replace(run, accelerator="cuda"))
    assert "\n" not in str(caught.value)


class AskedError(Exception):
    """What Fabric was asked for."""


@pytest.mark.parametrize(
    ("environment", "devices", "wanted"),
    [
        ({}, 1, (1, 1, False)),
        ({}, 3, (3, 1, True)),
        ({"LOCAL_WORLD_SIZE": "2", "WORLD_SIZE": "2"}, 1, (2, 1, True)),  # torchrun on one machine
        ({"LOCAL_WORLD_SIZE": "4", "WORLD_SIZE": "8"}, 1, (4, 2, True)),  # and on two
        ({"LOCAL_WORLD_SIZE": "1", "WORLD_SIZE": "2"}, 1, (1, 2, True)),
    ],
)
def test_devices_are_those_of_torchrun_where_it_started_us(config, run, monkeypatch, environment, devices, wanted):
    """(devices, nodes, DDP): else every process of torchrun would train alone, and write to the same files."""

    def fabric(**options: object) -> None:
        raise AskedError(options)

    for name in ("LOCAL_WORLD_SIZE", "WORLD_SIZE"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(loop, "Fabric", fabric)
    with pytest.raises(AskedError) as caught:
        make_fabric(config, replace(run, devices=devices))
    (options,) = caught.value.args
    assert (options["devices"], options["num_nodes"], options["strategy"] != "auto") == wanted
