"""A generator is found wherever files in circulation have it, in every container, and which one it was is said."""

from collections.abc import Callable, Mapping

import numpy as np
import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lama_deploy.errors import CheckpointError
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig

NORM = "model.1.bn_l.bias"
EVALUATOR = {"val_evaluator.scores.lpips.lin0.weight": torch.ones(3, 4), "discriminator.model0.0.bias": torch.ones(4)}
State = Mapping[str, Tensor]


def tensors(checkpoint: Checkpoint, prefix: str = "", add: float = 0.0) -> dict[str, Tensor]:
    """Its state behind a prefix. add: to one of its weights, by which it can be told from another."""
    state = {key: torch.from_numpy(np.array(array)) for key, array in checkpoint.state_dict.items()}
    state[NORM] = state[NORM] + add
    return {prefix + key: value for key, value in state.items()}


def assert_same(loaded: Checkpoint, wanted: Checkpoint, add: float = 0.0) -> None:
    assert loaded.config == wanted.config
    assert list(loaded.state_dict) == list(wanted.state_dict)
    for key, array in wanted.state_dict.items():
        expected = array + np.float32(add) if key == NORM else array
        np.testing.assert_array_equal(loaded.state_dict[key], expected, strict=True)


DICTS: Mapping[str, Callable[[State], object]] = {
    "state_dict": lambda state: {"epoch": 3, "state_dict": state},
    "gen_state_dict": lambda state: {"gen_state_dict": state, "dis_state_dict": {"a.weight": torch.ones(2)}},
    "model": lambda state: {"model": state, "optimizer": {"state": {0: {"exp_avg": torch.ones(2)}}, "lr": 1e-3}},
    "params_ema": lambda state: {"params_ema": state},
    "generator": lambda state: {"generator": state, "step": torch.tensor(7)},
    "in two": lambda state: {"checkpoint": {"model": state}},
}


@pytest.mark.parametrize("name", DICTS)
def test_dicts(tmp_path, tiny, name):
    torch.save(DICTS[name](tensors(tiny)), tmp_path / "w.pth")
    assert_same(load_checkpoint(tmp_path / "w.pth"), tiny)


@pytest.mark.parametrize("prefix", ["", "generator.", "model.generator.", "model.", "module.", "module.generator."])
@pytest.mark.parametrize("container", [".pth", ".safetensors", "state_dict"])
def test_prefixes_in_every_container(tmp_path, tiny, prefix, container):
    """Those of a whole Lightning module have other tensors beside the generator's."""
    state = tensors(tiny, prefix) | (EVALUATOR if "generator" in prefix else {})
    path = tmp_path / ("w.safetensors" if container == ".safetensors" else "w.pth")
    if container == ".safetensors":
        save_file(state, path)
    else:
        torch.save({"state_dict": state} if container == "state_dict" else state, path)
    assert_same(load_checkpoint(path), tiny)


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("kind", ["regular", "dilated"])
def test_other_kinds_behind_prefixes(tmp_path, kind, suffix):
    config = GeneratorConfig(kind=kind, width=4, blocks=1)
    state = {"a_network.model.1.weight": torch.ones(64, 3, 7, 7)} | EVALUATOR  # of another, in front of it
    state |= {f"generator.{key}": value for key, value in seeded_generator(config).state_dict().items()}
    save = torch.save if suffix == ".pth" else save_file
    save(state, tmp_path / f"w{suffix}")
    assert load_checkpoint(tmp_path / f"w{suffix}").config == config


def test_bfloat16_behind_a_prefix(tmp_path, tiny):
    state = {key: value.bfloat16() for key, value in tensors(tiny, "generator.").items()}
    save_file(state, tmp_path / "w.safetensors")
    loaded = load_checkpoint(tmp_path / "w.safetensors")
    wanted = state[f"generator.{NORM}"].float().numpy()
    np.testing.assert_array_equal(loaded.state_dict[NORM], wanted, strict=True)


BOTH: Mapping[str, Callable[[State, State], object]] = {  # a generator and an average of it
    "Lightning": lambda own, mean: {"state_dict": prefixed(mean, "generator_average.") | prefixed(own, "generator.")},
    "BasicSR": lambda own, mean: {"params_ema": mean, "params": own},
    "beside": lambda own, mean: {"ema": mean, "model": own},
}


def prefixed(state: State, prefix: str) -> dict[str, Tensor]:
    return {prefix + key: value for key, value in state.items()}


@pytest.mark.parametrize(("name", "average"), list(zip(BOTH, ["generator_average", "params_ema", "ema"], strict=True)))
def test_a_generator_before_its_average_unless_that_is_asked_for(tmp_path, tiny, caplog, name, average):
    path = tmp_path / "w.ckpt"
    torch.save(BOTH[name](tensors(tiny), tensors(tiny, add=0.5)), path)
    loaded = load_checkpoint(path)
    assert_same(loaded, tiny)
    assert "generator" not in loaded.assumed
    said = [record.getMessage() for record in caplog.records if "2 generators" in record.getMessage()]
    assert len(said) == 1 and said[0].startswith(f"{path}: holds 2 generators; took ") and average in said[0]
    caplog.clear()
    asked = load_checkpoint(path, {"generator": average})
    assert_same(asked, tiny, add=0.5)
    assert not any("generators" in record.getMessage() for record in caplog.records)
    assert_same(load_checkpoint(path, asked.assumed), tiny, add=0.5)


def test_bare_generator_beside_one_behind_a_prefix(tmp_path, tiny):
    torch.save(tensors(tiny) | tensors(tiny, "other.", add=0.5), tmp_path / "w.pth")
    assert_same(load_checkpoint(tmp_path / "w.pth", {"generator": "."}), tiny)
    assert_same(load_checkpoint(tmp_path / "w.pth", {"generator": "other"}), tiny, add=0.5)


def test_a_name_that_only_ends_like_it_is_no_generators(tmp_path, tiny):
    torch.save(tensors(tiny) | {"supermodel.1.ffc.convl2l.weight": torch.ones(8, 4, 7, 7)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"another network .* such as supermodel"):
        load_checkpoint(tmp_path / "w.pth")


@pytest.mark.parametrize(("asked", "count"), [("generator_ema", 0), ("model", 2)])
def test_places_that_name_no_one_generator(tmp_path, tiny, asked, count):
    torch.save({"a": {"model": tensors(tiny)}, "b": {"model": tensors(tiny, add=0.5)}}, tmp_path / "w.pth")
    wanted = rf"w\.pth: '{asked}' names {count} of its generators; there are: a\.model, b\.model"
    with pytest.raises(CheckpointError, match=wanted):
        load_checkpoint(tmp_path / "w.pth", {"generator": asked})


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_encoding_of_positions_beside_it_is_another_network(tmp_path, tiny, suffix):
    """As BallonsTranslator's lama_mpe has it."""
    encoding = {"rel_pos_emb.weight": torch.ones(8, 4)}
    if suffix == ".pth":
        torch.save({"gen_state_dict": tensors(tiny), "str_state_dict": encoding}, tmp_path / "w.pth")
    else:
        state = tensors(tiny, "gen_state_dict.") | prefixed(encoding, "str_state_dict.")
        save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=rf"w{suffix}: holds str_state_dict beside its generator: LaMa-MPE"):
        load_checkpoint(tmp_path / f"w{suffix}")


def test_no_generator_lists_what_stands_at_the_top(tmp_path):
    state = {f"{name}.weight": torch.ones(2, 2) for name in "abcdefghij"}
    torch.save({"net": state, "iteration": 3}, tmp_path / "w.pth")
    save_file(state, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"no LaMa generator inside \(10 tensors.*at its top: net\)"):
        load_checkpoint(tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"at its top: a, b, c, d, e, f, g, h, and 2 more\)"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_dicts_in_circles_and_deep_ones_are_left(tmp_path):
    circle: dict[str, object] = {"a": torch.ones(1)}
    circle["again"] = circle
    deep: dict[str, object] = {"model.1.weight": torch.ones(4, 4, 7, 7)}
    for _ in range(9):
        deep = {"in": deep}
    torch.save({"circle": circle, "deep": deep}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"no LaMa generator inside \(1 tensors"):
        load_checkpoint(tmp_path / "w.pth")


def test_any_number_of_generators_is_refused_at_once(tmp_path):
    save_file({f"{i}.model.1.weight": torch.ones(1, 4, 7, 7) for i in range(17)}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match="holds more than 16 generators"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_the_same_tensors_at_two_places_are_one_generator(tmp_path, tiny, caplog):
    """As TorchScript has a module that two others hold."""
    state = tensors(tiny)
    torch.save({"model": state, "ema": dict(state)}, tmp_path / "w.pth")
    assert_same(load_checkpoint(tmp_path / "w.pth"), tiny)
    assert "generators" not in caplog.text
