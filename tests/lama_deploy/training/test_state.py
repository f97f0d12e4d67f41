"""A run on disk: whole or not at all, the official layout, and nothing in a file is trusted."""

import errno
import os
import pickle
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest
import torch
import yaml
from torch import nn

from lama_deploy.checkpoints import checkpoint
from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.disk import appears_whole
from lama_deploy.errors import CheckpointError, TrainingError, UnsafeCheckpointError
from lama_deploy.training.config import TrainConfig, config_from_dict, read_config
from lama_deploy.training.state import LAST, WEIGHTS, read_state, restore_run, save_run
from lama_deploy.training.step import training_step
from lama_deploy.variants import GeneratorConfig

FILES = ["config.yaml", "generator.safetensors", "models/last.ckpt"]


@pytest.fixture
def trained(fabric, config, networks, batch):
    """Networks after a step: weights, average and moments differ from a fresh start."""
    nets = networks(config)
    training_step(fabric, config, nets, batch)
    return nets


def files(out: Path) -> list[str]:
    return sorted(str(path.relative_to(out)) for path in out.rglob("*") if path.is_file())


def check_same(one: nn.Module, other: nn.Module) -> None:
    for key, tensor in one.state_dict().items():
        assert torch.equal(tensor, other.state_dict()[key]), key


def test_saved_state_is_restored_whole(trained, config, networks, tmp_path):
    save_run(tmp_path, config, trained, 17)
    assert files(tmp_path) == FILES
    fresh = networks(replace(config, seed=5))
    assert restore_run(tmp_path, config, fresh) == 17
    for side in ("generator", "discriminator", "average"):
        check_same(getattr(trained, side), getattr(fresh, side))
    for side in ("generator_optimizer", "discriminator_optimizer"):
        saved, found = getattr(trained, side).state_dict(), getattr(fresh, side).state_dict()
        assert saved["param_groups"] == found["param_groups"]
        assert saved["state"].keys() == found["state"].keys()
        for index, moments in saved["state"].items():
            assert all(torch.equal(tensor, found["state"][index][name]) for name, tensor in moments.items())
            assert moments["exp_avg"].abs().max() > 0


@pytest.mark.parametrize("ema", [0.5, None])
def test_weights_for_export_are_the_averages_where_there_is_one(fabric, config, change, networks, batch, tmp_path, ema):
    config = change(config, optimizer={"ema": ema})
    nets = networks(config)
    training_step(fabric, config, nets, batch)
    save_run(tmp_path, config, nets, 1)
    exported = load_checkpoint(tmp_path / WEIGHTS)
    assert exported.config == config.generator
    wanted = (nets.average if ema else nets.generator.module).state_dict()
    assert list(exported.state_dict) == list(wanted)
    for key, tensor in wanted.items():
        assert torch.equal(torch.from_numpy(exported.state_dict[key]), tensor), key
    raw = nets.generator.module.state_dict()
    assert all(torch.equal(wanted[key], raw[key]) for key in raw) == (ema is None)


OFFICIAL_KINDS = {"ffc": "ffc_resnet", "regular": "pix2pixhd_global", "dilated": "pix2pixhd_multidilated"}


@pytest.mark.parametrize("kind", OFFICIAL_KINDS)
def test_directory_loads_as_an_official_one(config, change, networks, tmp_path, kind):
    """Keys, top-level names and config.yaml: what official code and `load_checkpoint` look at."""
    crop = 72 if kind == "dilated" else 32
    config = change(config, generator=GeneratorConfig(kind=kind, width=4, blocks=1, ratio=0.75), data={"crop": crop})
    nets = networks(config)
    save_run(tmp_path, config, nets, 3)
    checkpoint = load_checkpoint(tmp_path)
    assert checkpoint.path == tmp_path / LAST and checkpoint.config == config.generator
    for key, tensor in nets.generator.module.state_dict().items():
        assert torch.equal(torch.from_numpy(checkpoint.state_dict[key]), tensor), key
    content = torch.load(tmp_path / LAST, weights_only=True)
    assert {"state_dict", "optimizer_states", "epoch", "global_step"} <= set(content)
    prefixes = {key.split(".")[0] for key in content["state_dict"]}
    assert prefixes == {"generator", "discriminator", "generator_average"}
    assert "discriminator.model0.0.weight" in content["state_dict"]
    written = yaml.safe_load((tmp_path / "config.yaml").read_text())
    section = written["generator"]
    assert (section["kind"], section["ngf"], section["n_blocks"]) == (OFFICIAL_KINDS[kind], 4, 1)
    assert (section["input_nc"], section["output_nc"], section["n_downsampling"]) == (4, 3, 3)
    assert section["add_out_act"] == "sigmoid"
    if kind == "ffc":
        assert section["resnet_conv_kwargs"] == {"ratio_gin": 0.75, "ratio_gout": 0.75, "enable_lfu": False}
        assert section["init_conv_kwargs"]["ratio_gout"] == 0
    assert config_from_dict(written["lama_deploy"]) == config


def full_disk() -> OSError:
    return OSError(errno.ENOSPC, "No space left on device")


def break_config(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(descriptor: int) -> None:
        raise full_disk()

    monkeypatch.setattr(os, "fsync", fail)


def break_state(monkeypatch: pytest.MonkeyPatch) -> None:
    """The small file still fits, half of the large one does."""
    real, calls = os.fsync, []

    def fail(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) > 1:
            os.ftruncate(descriptor, os.fstat(descriptor).st_size // 2)
            raise full_disk()
        real(descriptor)

    monkeypatch.setattr(os, "fsync", fail)


def break_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def fail(file: Path) -> Iterator[BinaryIO]:
        with appears_whole(file) as stream:
            yield stream
            stream.truncate(stream.tell() // 2)
            raise full_disk()

    monkeypatch.setattr(checkpoint, "appears_whole", fail)


@pytest.mark.parametrize("fill", [break_config, break_state, break_weights])
def test_full_disk_leaves_the_old_files_whole(trained, fabric, config, networks, batch, tmp_path, monkeypatch, fill):
    """Each file is the old or the new one, never half; nothing temporary is left; the run can go on from it."""
    save_run(tmp_path, config, networks(config), 0)
    old = {name: (tmp_path / name).read_bytes() for name in FILES}
    fill(monkeypatch)
    message = r"could not be written at step 2 \(No space left on device\); free some space and go on with --resume"
    with pytest.raises(TrainingError, match=message) as caught:
        save_run(tmp_path, config, trained, 2)
    monkeypatch.undo()
    assert "\n" not in str(caught.value)
    assert files(tmp_path) == FILES
    if fill is not break_weights:  # the last to be written
        assert {name: (tmp_path / name).read_bytes() for name in FILES} == old
    assert (tmp_path / WEIGHTS).read_bytes() == old[str(WEIGHTS)]
    assert restore_run(tmp_path, config, networks(config)) == (2 if fill is break_weights else 0)
    load_checkpoint(tmp_path / WEIGHTS)


def test_full_disk_before_anything_was_saved(trained, config, tmp_path, monkeypatch):
    break_config(monkeypatch)
    with pytest.raises(TrainingError, match="could not be written at step 2"):
        save_run(tmp_path / "out", config, trained, 2)
    assert files(tmp_path) == []


def test_folder_that_cannot_be_made(trained, config, tmp_path):
    (tmp_path / "file").write_text("x")
    with pytest.raises(TrainingError, match="could not be written at step 2"):
        save_run(tmp_path / "file" / "out", config, trained, 2)


class Hostile:
    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self):
        return Path.touch, (self.target,)


@pytest.mark.parametrize("writer", ["torch", "pickle"])
def test_hostile_state_is_refused_and_not_run(config, networks, tmp_path, writer):
    (tmp_path / "models").mkdir()
    content = {"state_dict": {}, "global_step": Hostile(tmp_path / "it-ran")}
    if writer == "torch":
        torch.save(content, tmp_path / LAST)
    else:
        (tmp_path / LAST).write_bytes(pickle.dumps(content, protocol=2))
    with pytest.raises(UnsafeCheckpointError, match=r"last\.ckpt: refused, nothing was run") as caught:
        restore_run(tmp_path, config, networks(config))
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "it-ran").exists()


def test_state_that_asks_for_memory(config, networks, tmp_path):
    (tmp_path / "models").mkdir()
    with zipfile.ZipFile(tmp_path / LAST, "w") as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02cbuiltins\nbytearray\nJ\x00\x00\x00\x7f\x85R.")
    with pytest.raises(
        UnsafeCheckpointError, match=r"last\.ckpt: refused, nothing was run: the pickle asks for 'builtins"
    ):
        restore_run(tmp_path, config, networks(config))


def test_state_that_is_not_there(config, networks, tmp_path):
    with pytest.raises(CheckpointError, match="no saved state here; start without --resume"):
        restore_run(tmp_path, config, networks(config))


def test_damaged_states_are_one_line(trained, config, tmp_path):
    """Cut short anywhere, other bytes in it, or something else altogether."""
    save_run(tmp_path, config, trained, 1)
    path = tmp_path / LAST
    whole = path.read_bytes()
    broken = [whole[: len(whole) * part // 7] for part in range(7)]
    broken += [b"hello world\n", b"\x80\x02}q\x00.", b"PK\x03\x04" + bytes(60), pickle.dumps("x" * 9)[:-3]]
    for data in broken[:-1]:
        path.write_bytes(data)
        try:
            content = read_state(path)
        except CheckpointError as error:
            assert str(error).startswith(f"{path}: ") and "\n" not in str(error)
        else:
            assert content == {}  # the pickle of an empty dictionary


@pytest.mark.parametrize(
    "content",
    [
        {},
        {"state_dict": {}, "optimizer_states": [], "global_step": 1},
        {"state_dict": [1, 2]},
        [1, 2],
        torch.zeros(3),
        None,
    ],
    ids=str,
)
def test_states_of_something_else(config, networks, tmp_path, content):
    (tmp_path / "models").mkdir()
    torch.save(content, tmp_path / LAST)
    with pytest.raises(CheckpointError, match="not a state of this configuration") as caught:
        restore_run(tmp_path, config, networks(config))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("spoil", ["optimizer_states", "global_step"])
@pytest.mark.parametrize("value", [None, [{}, {}]], ids=str)
def test_states_with_a_part_of_something_else(trained, config, networks, tmp_path, spoil, value):
    save_run(tmp_path, config, trained, 1)
    content = torch.load(tmp_path / LAST, weights_only=True)
    torch.save(content | {spoil: value}, tmp_path / LAST)
    with pytest.raises(CheckpointError, match="not a state of this configuration"):
        restore_run(tmp_path, config, networks(config))


@pytest.mark.parametrize("step", [float("inf"), -1, 10**300, True, "1"], ids=str)
def test_steps_that_no_run_has_done(trained, config, networks, tmp_path, step):
    save_run(tmp_path, config, trained, 1)
    torch.save(torch.load(tmp_path / LAST, weights_only=True) | {"global_step": step}, tmp_path / LAST)
    with pytest.raises(CheckpointError, match=r"global_step is .*must be an integer from 0"):
        restore_run(tmp_path, config, networks(config))


@pytest.mark.parametrize(
    "moment", ["x", torch.zeros(7), torch.zeros(1).expand(10**12), torch.zeros(()), torch.zeros((1, 1)).to_sparse()]
)
def test_moments_that_no_step_could_go_on_with(trained, config, networks, tmp_path, moment):
    save_run(tmp_path, config, trained, 1)
    content = torch.load(tmp_path / LAST, weights_only=True)
    for entry in content["optimizer_states"][0]["state"].values():
        entry["exp_avg"] = moment
    torch.save(content, tmp_path / LAST)
    with pytest.raises(CheckpointError, match=r"not a state of this configuration|holds a sparse tensor"):
        restore_run(tmp_path, config, networks(config))


def test_a_state_without_moments_is_not_gone_on_from(trained, config, networks, tmp_path):
    save_run(tmp_path, config, trained, 1)
    content = torch.load(tmp_path / LAST, weights_only=True)
    content["optimizer_states"][0]["state"] = {}
    torch.save(content, tmp_path / LAST)
    with pytest.raises(CheckpointError, match="an optimizer without moments, which would go on as another run"):
        restore_run(tmp_path, config, networks(config))


def test_settings_of_optimizers_are_the_configurations(trained, config, networks, tmp_path):
    save_run(tmp_path, config, trained, 1)
    content = torch.load(tmp_path / LAST, weights_only=True)
    for saved in content["optimizer_states"]:
        saved["param_groups"] = [{"betas": 5, "lr": "x"}]
    torch.save(content, tmp_path / LAST)
    fresh = networks(config)
    restore_run(tmp_path, config, fresh)
    assert fresh.generator_optimizer.param_groups[0]["betas"] == (config.optimizer.beta1, config.optimizer.beta2)


WIDER = {"generator": GeneratorConfig(width=8, blocks=1)}
DEEPER = {"generator": GeneratorConfig(width=4, blocks=2)}
OTHER_KIND = {"generator": GeneratorConfig(kind="regular", width=4, blocks=1)}


@pytest.mark.parametrize("other", [WIDER, DEEPER, OTHER_KIND, {"discriminator": {"width": 8}}], ids=str)
def test_state_of_another_configuration(trained, config, change, networks, tmp_path, other):
    save_run(tmp_path, config, trained, 1)
    changed: TrainConfig = change(config, **other)
    with pytest.raises(CheckpointError, match=r"not a state of this configuration .*; use another --out") as caught:
        restore_run(tmp_path, changed, networks(changed))
    assert "\n" not in str(caught.value)


def test_state_without_the_average_that_is_asked_for(fabric, config, change, networks, tmp_path):
    plain = change(config, optimizer={"ema": None})
    save_run(tmp_path, plain, networks(plain), 1)
    with pytest.raises(CheckpointError, match="not a state of this configuration"):
        restore_run(tmp_path, config, networks(config))


def test_saved_configuration_can_be_given_again(config, change, networks, tmp_path):
    """--config OUT/config.yaml, whose first section is official code's."""
    config = change(config, seed=7, data={"masks": "thin-256"})
    save_run(tmp_path, config, networks(config), 1)
    assert read_config(tmp_path / "config.yaml") == config
