"""Fine-tuning begins with both networks of a checkpoint, or says why with one of them only."""

import re
from dataclasses import replace

import pytest
import torch
from lightning_fabric import Fabric
from safetensors.torch import save_file
from torch import Tensor, nn

from lama_deploy.training.loop import build_networks, train
from lama_deploy.training.state import LAST


def plain(module: nn.Module) -> dict[str, Tensor]:
    """Its state, without Fabric's wrapper."""
    return getattr(module, "module", module).state_dict()


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_discriminator_of_the_weights_is_used(config, change, run, fabric, tmp_path, capsys, suffix):
    train(config, replace(run, stop_after=1))
    state = torch.load(run.out / LAST, weights_only=True)["state_dict"]
    path = tmp_path / f"state{suffix}"
    (torch.save if suffix == ".ckpt" else save_file)(state, path)
    capsys.readouterr()
    nets = build_networks(fabric, change(config, seed=9), str(path))
    assert capsys.readouterr().out.endswith("discriminator: of the same weights\n")
    for key, tensor in plain(nets.discriminator).items():
        torch.testing.assert_close(tensor, state[f"discriminator.{key}"], rtol=0, atol=0)


OTHERS = {
    "none": (lambda state: {}, "discriminator: begins anew, since the weights have none"),
    "wider": (
        lambda state: state | {"discriminator.model0.0.weight": torch.ones(8, 3, 4, 4)},
        r"does not fit \(.*another: model0.0.weight is \(8, 3, 4, 4\) instead of \(4, 3, 4, 4\)\)",
    ),
    "deeper": (
        lambda state: state | {"discriminator.model9.0.bias": torch.ones(8)},
        r"does not fit \(.*another: model9.0.bias is \(8,\) instead of nothing\)",
    ),
    "NaN": (
        lambda state: state | {"discriminator.model0.0.bias": torch.full((4,), torch.nan)},
        r"does not fit \(.*its discriminator has NaN or infinity\)",
    ),
}


@pytest.mark.parametrize("case", OTHERS)
def test_discriminators_that_do_not_fit_are_said(config, networks, fabric: Fabric, tmp_path, capsys, case):
    spoil, message = OTHERS[case]
    nets = networks(config)
    judge = {f"discriminator.{key}": tensor for key, tensor in plain(nets.discriminator).items()}
    generator = {f"generator.{key}": tensor for key, tensor in plain(nets.generator).items()}
    torch.save({"state_dict": generator | spoil(judge)}, tmp_path / "w.ckpt")
    again = build_networks(fabric, config, str(tmp_path / "w.ckpt"))
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2 and re.search(message, lines[1])
    for key, tensor in plain(again.discriminator).items():
        assert tensor.shape == judge[f"discriminator.{key}"].shape and tensor.isfinite().all()


def test_weights_are_not_read_where_a_run_goes_on(config, run):
    train(config, replace(run, stop_after=1))
    train(config, replace(run, stop_after=1, resume=True, weights="nowhere.ckpt"))
    assert torch.load(run.out / LAST, weights_only=True)["global_step"] == 2


def test_generator_that_is_asked_for(config, change, run, fabric):
    """The average of a run, instead of the generator whose average it is."""
    train(config, replace(run, stop_after=2))
    state = torch.load(run.out / LAST, weights_only=True)["state_dict"]
    nets = build_networks(fabric, config, str(run.out), {"generator": "generator_average"})
    for key, tensor in plain(nets.generator).items():
        torch.testing.assert_close(tensor, state[f"generator_average.{key}"], rtol=0, atol=0)
