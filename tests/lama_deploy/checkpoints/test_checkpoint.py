"""Checkpoints of every kind in circulation load to the same weights; each kind of damage has its own message."""

import hashlib
import json
import sys
import types
import warnings
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import Tensor, nn

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.keys import expected_shapes, recognise
from lama_deploy.checkpoints.safetensors_header import CONFIG_METADATA
from lama_deploy.errors import CheckpointError
from lama_deploy.model import build_generator, seeded_generator
from lama_deploy.model.predict import generator_from_state
from lama_deploy.variants import VARIANTS, GeneratorConfig

FAKES = ("pytorch_lightning.callbacks.ModelCheckpoint", "omegaconf.dictconfig.DictConfig")
STEM = "model.1.ffc.convl2l.weight"
NORM = "model.1.bn_l.bias"


def assert_same(loaded: Checkpoint, wanted: Checkpoint) -> None:
    assert loaded.config == wanted.config
    assert list(loaded.state_dict) == list(wanted.state_dict)
    for key, array in wanted.state_dict.items():
        np.testing.assert_array_equal(loaded.state_dict[key], array, strict=True)


def tensors(checkpoint: Checkpoint, prefix: str = "") -> dict[str, Tensor]:
    return {prefix + key: torch.from_numpy(np.array(array)) for key, array in checkpoint.state_dict.items()}


def fake_classes(monkeypatch: pytest.MonkeyPatch) -> list[type]:
    for name in FAKES:
        parts = name.split(".")[:-1]
        for end in range(1, len(parts) + 1):
            monkeypatch.setitem(sys.modules, ".".join(parts[:end]), types.ModuleType(".".join(parts[:end])))
        made = type(name.split(".")[-1], (), {"__module__": ".".join(parts)})
        setattr(sys.modules[".".join(parts)], made.__name__, made)
    return [getattr(sys.modules[name.rpartition(".")[0]], name.rpartition(".")[2]) for name in FAKES]


def save_lightning(path: Path, checkpoint: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    evaluator = {"val_evaluator.scores.lpips.lin0.weight": torch.rand(3, 4), "val_evaluator.scores.n": torch.tensor(7)}
    with monkeypatch.context() as patch:
        callback, dict_config = fake_classes(patch)
        config = dict_config()
        config.__dict__.update(
            _content={"generator": dict_config()}, _flags=defaultdict(list), device=torch.device("cpu")
        )
        content = {
            "epoch": 39,
            "callbacks": {callback: {"best_model_score": torch.tensor(0.5), "best_model_path": "last.ckpt"}},
            "state_dict": OrderedDict(tensors(checkpoint, "generator.") | evaluator),
            "hyper_parameters": config,
            "lr": np.float64(1e-3),
        }
        torch.save(content, path)
    return path


def save_torchscript(path: Path, checkpoint: Checkpoint) -> Path:
    class Trainer(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.generator = generator_from_state(checkpoint.config, checkpoint.state_dict)

        def forward(self, image: Tensor, mask: Tensor) -> Tensor:
            return self.generator(torch.cat((image * (1 - mask), mask), dim=1))

    class Wrapper(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = Trainer()

        def forward(self, image: Tensor, mask: Tensor) -> Tensor:
            return self.model(image, mask)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        traced = torch.jit.trace(Wrapper().eval(), (torch.rand(1, 3, 32, 32), torch.ones(1, 1, 32, 32)))
        traced.save(str(path))
    return path


def test_lightning_checkpoint_loads_and_imports_nothing(tmp_path, tiny, monkeypatch):
    path = save_lightning(tmp_path / "best.ckpt", tiny, monkeypatch)
    before = set(sys.modules)
    loaded = load_checkpoint(path)
    assert set(sys.modules) == before
    assert_same(loaded, tiny)
    assert loaded.path == path
    assert loaded.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", ["best.ckpt", "last.ckpt"])
def test_official_directory_and_a_file_in_it(tmp_path, tiny, monkeypatch, name):
    file = save_lightning(tmp_path / "models" / name, tiny, monkeypatch)
    (tmp_path / "config.yaml").write_text("generator:\n  kind: ffc_resnet\n  n_blocks: 1\n  add_out_act: sigmoid\n")
    for source in (tmp_path, file):
        assert_same(load_checkpoint(source), tiny)
        assert load_checkpoint(source).path == file


@pytest.mark.parametrize(
    ("yaml", "message"),
    [
        ("generator: {n_blocks: 1, add_out_act: tanh}", "add_out_act is 'tanh'; computed here: 'sigmoid'"),
        ("generator: {n_blocks: 1}", "add_out_act is missing, which official code takes for tanh"),
        ("generator: {n_blocks: 9, add_out_act: sigmoid}", "says 9 blocks, but the checkpoint beside it has 1"),
        ("generator: {add_out_act: sigmoid}", "not an official LaMa config"),
        ("[1, 2]", "not an official LaMa config"),
        ("generator: [", "not an official LaMa config"),
        ("", "not an official LaMa config"),
    ],
)
def test_config_yaml_that_disagrees(tmp_path, tiny, yaml, message):
    (tmp_path / "models").mkdir()
    torch.save(tensors(tiny), tmp_path / "models" / "best.ckpt")
    (tmp_path / "config.yaml").write_text(yaml)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(tmp_path)


def test_directory_without_checkpoint(tmp_path):
    with pytest.raises(CheckpointError, match=r"expected models/best.ckpt beside config.yaml"):
        load_checkpoint(tmp_path)


def test_torchscript(tmp_path, tiny):
    assert_same(load_checkpoint(save_torchscript(tmp_path / "tiny.pt", tiny)), tiny)


@pytest.mark.parametrize("prefix", ["", "generator.", "model.generator."])
def test_plain_state_dict_with_any_prefix(tmp_path, tiny, prefix):
    torch.save(tensors(tiny, prefix), tmp_path / "state.pth")
    assert_same(load_checkpoint(tmp_path / "state.pth"), tiny)


def test_parameters_double_precision_and_views_of_one_storage(tmp_path, tiny):
    state = {key: value.double() if value.is_floating_point() else value for key, value in tensors(tiny).items()}
    shared = torch.cat([torch.zeros(5, dtype=torch.double), state[STEM].permute(3, 2, 1, 0).reshape(-1)])
    state[STEM] = shared[5:].reshape(7, 7, 4, 8).permute(3, 2, 1, 0)
    torch.save({key: nn.Parameter(value, requires_grad=False) for key, value in state.items()}, tmp_path / "state.pth")
    assert_same(load_checkpoint(tmp_path / "state.pth"), tiny)


@pytest.mark.parametrize("metadata", [True, False])
@pytest.mark.parametrize("half", [True, False])
def test_safetensors(tmp_path, tiny, metadata, half):
    path = tmp_path / "tiny.safetensors"
    save_checkpoint(path, tiny.config, tiny.state_dict, half=half)
    if not metadata:
        dtype = np.float16 if half else np.float32
        save_file({k: v.astype(dtype) if v.dtype.kind == "f" else v for k, v in tiny.state_dict.items()}, path)
    loaded = load_checkpoint(path)
    assert loaded.config == tiny.config
    for key, array in tiny.state_dict.items():
        wanted = array.astype(np.float16).astype(array.dtype) if half and array.dtype.kind == "f" else array
        np.testing.assert_array_equal(loaded.state_dict[key], wanted, strict=True)
    assert [file.name for file in tmp_path.iterdir()] == ["tiny.safetensors"]


def test_safetensors_metadata_wins_over_recognition(tmp_path, tiny):
    config = GeneratorConfig(width=8, blocks=1, ratio=0.76)  # 48.64 of 64 channels: the same shapes as 0.75
    save_checkpoint(tmp_path / "w.safetensors", config, tiny.state_dict)
    assert load_checkpoint(tmp_path / "w.safetensors").config == config


def test_bfloat16_safetensors(tmp_path, tiny):
    from safetensors.torch import save_file as save_torch_file

    state = {key: value.bfloat16() for key, value in tensors(tiny).items()}
    save_torch_file(state, tmp_path / "b.safetensors")
    loaded = load_checkpoint(tmp_path / "b.safetensors")
    assert loaded.config == tiny.config
    np.testing.assert_array_equal(loaded.state_dict[STEM], state[STEM].float().numpy(), strict=True)


@pytest.mark.parametrize(
    "config", ["{", "[]", '{"width": "8"}', '{"colour": 1}', '{"ratio": NaN}', '{"ratio": Infinity}']
)
def test_safetensors_with_bad_metadata(tmp_path, tiny, config):
    save_file(dict(tiny.state_dict), tmp_path / "w.safetensors", metadata={CONFIG_METADATA: config})
    with pytest.raises(CheckpointError, match="is no generator config"):
        load_checkpoint(tmp_path / "w.safetensors")


@pytest.mark.parametrize("name", VARIANTS)
def test_variant_recognised_by_its_keys(name):
    with torch.device("meta"):
        shapes = {key: tuple(value.shape) for key, value in build_generator(name).state_dict().items()}
    assert recognise(shapes) == VARIANTS[name]


@pytest.mark.parametrize("kind", ["ffc", "regular", "dilated"])
@pytest.mark.parametrize("downsamplings", [2, 3])
def test_every_kind_of_generator_loads_from_a_bare_state_dict(tmp_path, kind, downsamplings):
    config = GeneratorConfig(kind=kind, width=4, blocks=2, downsamplings=downsamplings)
    state = seeded_generator(config).state_dict()
    torch.save(state, tmp_path / "w.pth")
    loaded = load_checkpoint(tmp_path / "w.pth")
    assert loaded.config == config
    assert list(loaded.state_dict) == list(state) == list(expected_shapes(config))
    assert all(np.array_equal(loaded.state_dict[key], value.numpy()) for key, value in state.items())


def test_missing_counters_are_zero(tmp_path, tiny):
    state = {key: value for key, value in tensors(tiny).items() if not key.endswith("num_batches_tracked")}
    torch.save(state, tmp_path / "w.pth")
    counter = load_checkpoint(tmp_path / "w.pth").state_dict["model.1.bn_l.num_batches_tracked"]
    assert counter.dtype == np.int64 and counter.shape == () and counter == 0


def test_save_replaces_whole_files_only(tmp_path, tiny):
    path = tmp_path / "w.safetensors"
    path.write_bytes(b"old")
    with pytest.raises(AttributeError):
        save_checkpoint(path, tiny.config, {"broken": None})
    assert path.read_bytes() == b"old"
    save_checkpoint(path, tiny.config, tiny.state_dict)
    assert_same(load_checkpoint(path), tiny)
    header = path.read_bytes()[8 : 8 + int.from_bytes(path.read_bytes()[:8], "little")]
    assert json.loads(json.loads(header)["__metadata__"][CONFIG_METADATA]) == tiny.config.to_dict()


def test_bfloat16_ckpt(tmp_path, tiny):
    state = {key: value.bfloat16() for key, value in tensors(tiny).items()}
    torch.save({"state_dict": {f"generator.{key}": value for key, value in state.items()}}, tmp_path / "b.ckpt")
    loaded = load_checkpoint(tmp_path / "b.ckpt")
    np.testing.assert_array_equal(loaded.state_dict[STEM], state[STEM].float().numpy(), strict=True)
