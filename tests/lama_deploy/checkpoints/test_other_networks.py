"""Generators of official code that are not computed here are refused by name, by their keys or by their config.yaml."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from safetensors.torch import save_file
from torch import Tensor

from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.keys import expected_shapes, recognise
from lama_deploy.checkpoints.official_config import check_official_config
from lama_deploy.checkpoints.unshown import UNSHOWN, parse_told
from lama_deploy.disk import sha256_of
from lama_deploy.errors import CheckpointError, ConfigError
from lama_deploy.model import seeded_generator
from lama_deploy.proof.reference import oracle
from lama_deploy.training.state import official_generator_section
from lama_deploy.variants import GeneratorConfig

FFC = GeneratorConfig(width=8, blocks=2)
UNIT = "model.5.conv1.ffc.convg2g"


@cache
def seeded(config: GeneratorConfig) -> dict[str, Tensor]:
    """A state, drawn once; not to be written to."""
    return seeded_generator(config).state_dict()


SURPLUS = {  # the switch of official code -> keys that it adds, and what is said of them
    "enable_lfu": ({f"{UNIT}.lfu.conv_layer.weight": (48, 48, 1, 1)}, r"local Fourier units \(enable_lfu\)"),
    "gated": ({"model.5.conv1.ffc.gate.weight": (2, 64, 1, 1)}, r"gates between its branches \(gated\)"),
    "use_se": ({f"{UNIT}.fu.se.fc.0.weight": (3, 48)}, r"squeeze and excitation \(use_se\)"),
    "spectral norm": ({"model.5.conv1.ffc.convl2l.weight_orig": (16, 16, 3, 3)}, "spectral norm"),
    "a fork's": ({"encoder.weight": (3, 3)}, r"2 blocks, such as encoder\.weight; without them"),
}


@pytest.mark.parametrize(("suffix", "prefix"), [(".pth", "generator."), (".safetensors", "")])
@pytest.mark.parametrize("switch", SURPLUS)
def test_keys_that_the_generator_has_not(tmp_path, switch, suffix, prefix):
    """Dropping them would give other pictures, and the oracle would drop the same."""
    shapes, meaning = SURPLUS[switch]
    state = seeded(FFC) | {key: torch.ones(shape) for key, shape in shapes.items()}
    path = tmp_path / f"w{suffix}"
    (torch.save if suffix == ".pth" else save_file)({prefix + key: value for key, value in state.items()}, path)
    with pytest.raises(CheckpointError, match=rf"w{suffix}: another network than is computed here: 1 of .*{meaning}"):
        oracle(load_checkpoint(path))


def test_declared_configuration_is_held_to_its_keys_too(tmp_path):
    state = {key: value.numpy() for key, value in seeded(FFC).items()}
    save_checkpoint(tmp_path / "w.safetensors", FFC, state | {"model.99.weight": np.ones(3, np.float32)})
    with pytest.raises(CheckpointError, match=r"such as model\.99\.weight"):
        load_checkpoint(tmp_path / "w.safetensors")


def test_further_counters_are_no_surplus(tmp_path):
    state = seeded(FFC) | {"model.99.num_batches_tracked": torch.tensor(3)}
    torch.save(state, tmp_path / "w.pth")
    assert load_checkpoint(tmp_path / "w.pth").config == FFC


def test_coordinates_in_spectra_are_named(tmp_path):
    key = f"{UNIT}.fu.conv_layer.weight"
    torch.save(seeded(FFC) | {key: torch.ones(48, 50, 1, 1)}, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"\(48, 50, 1, 1\) instead of .* \(spectral_pos_encoding\)"):
        load_checkpoint(tmp_path / "w.pth")


def test_a_block_behind_the_upsampling_is_named(tmp_path):
    """As out_ffc puts it, of the head's width."""
    state = seeded(FFC)
    last = max(int(key.split(".")[1]) for key in state)
    block = {key: value for key, value in state.items() if key.startswith("model.5.")}
    moved = {key.replace(f"model.{last}.", f"model.{last + 1}."): value for key, value in state.items()}
    moved |= {key.replace("model.5.", f"model.{last - 1}."): value for key, value in block.items()}
    torch.save(moved, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match=r"a Fourier block behind its upsampling \(out_ffc\)"):
        load_checkpoint(tmp_path / "w.pth")


def test_spatial_transforms_are_named(tmp_path):
    state = {key.replace("conv1.", "conv1.impl."): value for key, value in seeded(FFC).items()}
    torch.save(state, tmp_path / "w.pth")
    with pytest.raises(CheckpointError, match="it has a learnable spatial transform"):
        load_checkpoint(tmp_path / "w.pth")


OFFICIAL = """
generator:
  kind: ffc_resnet
  input_nc: 4
  output_nc: 3
  ngf: 64
  n_downsampling: 3
  n_blocks: 18
  add_out_act: sigmoid
  init_conv_kwargs: {ratio_gin: 0, ratio_gout: 0, enable_lfu: false}
  downsample_conv_kwargs:
    ratio_gin: ${generator.init_conv_kwargs.ratio_gout}
    ratio_gout: ${generator.downsample_conv_kwargs.ratio_gin}
    enable_lfu: false
  resnet_conv_kwargs:
    ratio_gin: 0.75
    ratio_gout: ${generator.resnet_conv_kwargs.ratio_gin}
    enable_lfu: false
training_model: {kind: default, visualize_each_iters: 1000, concat_mask: true}
"""
MULTIDILATED = "multidilation_kwargs: {comb_mode: cat_in, dilation_num: 4}"


def check(folder: Path, text: str, config: GeneratorConfig) -> None:
    (folder / "config.yaml").write_text(text)
    check_official_config(folder / "config.yaml", config)


def test_released_configuration_is_taken(tmp_path):
    check(tmp_path, OFFICIAL, GeneratorConfig(blocks=18))


@pytest.mark.parametrize("kind", ["ffc", "regular", "dilated"])
def test_our_own_are_taken(tmp_path, kind):
    config = GeneratorConfig(kind=kind, width=12, blocks=2, max_channels=50 if kind == "regular" else 64)
    check(tmp_path, yaml.safe_dump({"generator": official_generator_section(config)}), config)


def test_equal_values_that_are_written_otherwise_are_taken(tmp_path):
    config = GeneratorConfig(blocks=18, max_channels=1024)
    text = OFFICIAL.replace(
        "n_blocks: 18", "n_blocks: 18\n  max_features: 512\n  padding_type: reflect\n  out_ffc: false"
    )
    local = "ratio_gin: 0, ratio_gout: 0, enable_lfu: false"
    assert local in text
    text = text.replace(local, "ratio_gin: 0.0, ratio_gout: 0, enable_lfu: true, fft_norm: x")  # no spectra there
    check(tmp_path, text.replace("ratio_gin: 0.75", "ratio_gin: 0.7501\n    fft_norm: ortho"), config)


CHANGED = {  # what replaces what in the released configuration -> the field that is named
    "lfu": ("false\ntraining", "true\ntraining", "resnet_conv_kwargs.enable_lfu is True"),
    "gated": ("ratio_gin: 0.75", "ratio_gin: 0.75\n    gated: true", "resnet_conv_kwargs.gated is True"),
    "se": ("ratio_gin: 0.75", "ratio_gin: 0.75\n    use_se: true", "resnet_conv_kwargs.use_se is True"),
    "fft_norm": ("ratio_gin: 0.75", "ratio_gin: 0.75\n    fft_norm: forward", "fft_norm is 'forward'; .*: 'ortho'"),
    "no fft_norm": ("ratio_gin: 0.75", "ratio_gin: 0.75\n    fft_norm: null", "fft_norm is None"),
    "scale": ("ratio_gin: 0.75", "ratio_gin: 0.75\n    spatial_scale_factor: 0.5", "spatial_scale_factor is 0.5"),
    "3d": ("ratio_gin: 0.75", "ratio_gin: 0.75\n    ffc3d: true", "ffc3d is True"),
    "ratio": ("ratio_gin: 0.75", "ratio_gin: 0.5", "ratio_gin is 0.5; the checkpoint beside it has other channels"),
    "reference": ("ratio_gin: 0.75", "ratio_gin: ${nothing.there}", r"ratio_gin is '\$\{nothing\.there\}'"),
    "padding": ("n_blocks: 18", "n_blocks: 18\n  padding_type: zero", "generator.padding_type is 'zero'"),
    "padding inside": ("ratio_gin: 0,", "ratio_gin: 0, padding_type: zero,", "init_conv_kwargs.padding_type is 'zero'"),
    "out_ffc": ("n_blocks: 18", "n_blocks: 18\n  out_ffc: true", "generator.out_ffc is True"),
    "transform": ("n_blocks: 18", "n_blocks: 18\n  spatial_transform_layers: [4]", r"transform_layers is \[4\]"),
    "width": ("ngf: 64", "ngf: 32", "generator.ngf is 32; computed here: 64"),
    "cap": ("n_blocks: 18", "n_blocks: 18\n  max_features: 256", "generator.max_features is 256"),
    "norm": ("n_blocks: 18", "n_blocks: 18\n  norm_layer: in", "generator.norm_layer is 'in'"),
    "activation": ("n_blocks: 18", "n_blocks: 18\n  activation_layer: elu", "generator.activation_layer is 'elu'"),
    "end": ("add_out_act: sigmoid", "add_out_act: false", "generator.add_out_act is False"),
    "kind": ("kind: ffc_resnet", "kind: pix2pixhd_global", "generator.kind is 'pix2pixhd_global'"),
    "a fork's field": ("n_blocks: 18", "n_blocks: 18\n  colour: true", "generator.colour is True; this field is not"),
    "no section": ("init_conv_kwargs: {", "init_conv_kwargs: 3 # {", "init_conv_kwargs is 3; it must be a section"),
    "mask": ("concat_mask: true", "concat_mask: false", "training_model.concat_mask is False"),
    "noise": ("concat_mask: true", "add_noise_kwargs: {a: 1}", "training_model.add_noise_kwargs is"),
}


@pytest.mark.parametrize("case", CHANGED)
def test_configurations_of_other_networks(tmp_path, case):
    old, new, message = CHANGED[case]
    assert old in OFFICIAL or case == "lfu"
    text = (
        OFFICIAL.replace("enable_lfu: false\ntr", "enable_lfu: true\ntr")
        if case == "lfu"
        else OFFICIAL.replace(old, new)
    )
    with pytest.raises(CheckpointError, match=message or "resnet_conv_kwargs.enable_lfu is True") as caught:
        check(tmp_path, text, GeneratorConfig(blocks=18))
    assert str(caught.value).startswith(f"{tmp_path / 'config.yaml'}: ") and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "change", "message"),
    [
        ("dilated", ("dilation_num: 4", "dilation_num: 4, min_dilation: 2"), "min_dilation is 2"),
        ("dilated", ("dilation_num: 4", "dilation_num: 4, shuffle_in_channels: true"), "shuffle_in_channels is True"),
        ("dilated", ("comb_mode: cat_in", "comb_mode: sum"), "comb_mode is 'sum'"),
        ("dilated", ("n_blocks: 1", "n_blocks: 1, padding_type: zeros"), "padding_type is 'zeros'"),
        ("regular", ("n_blocks: 1", "n_blocks: 1, dilation: 2"), "dilation is 2"),
        ("regular", ("n_blocks: 1", "n_blocks: 1, dilated_blocks_n: 2"), "dilated_blocks_n is 2"),
        ("regular", ("n_blocks: 1", "n_blocks: 1, ffc_positions: [1]"), "ffc_positions is"),
        ("regular", ("n_blocks: 1", "n_blocks: 1, conv_kind: depthwise"), "conv_kind is 'depthwise'"),
    ],
)
def test_configurations_of_other_convolutional_networks(tmp_path, kind, change, message):
    text = f"generator: {{n_blocks: 1, add_out_act: sigmoid{', ' + MULTIDILATED if kind == 'dilated' else ''}}}"
    config = GeneratorConfig(kind=kind, blocks=1)
    check(tmp_path, text, config)
    with pytest.raises(CheckpointError, match=message):
        check(tmp_path, text.replace(*change), config)


@pytest.mark.parametrize("kind", UNSHOWN)
def test_what_is_not_shown_is_assumed_and_logged(tmp_path, caplog, kind):
    torch.save(seeded(GeneratorConfig(kind=kind, width=4, blocks=1)), tmp_path / "w.pth")
    loaded = load_checkpoint(tmp_path / "w.pth")
    assert loaded.assumed == UNSHOWN[kind]
    (said,) = [record.getMessage() for record in caplog.records]
    assert all(f"{name} {value}" in said for name, value in UNSHOWN[kind].items())
    caplog.clear()
    assert load_checkpoint(tmp_path / "w.pth", loaded.assumed).assumed == UNSHOWN[kind]
    assert not caplog.records
    load_checkpoint(tmp_path / "w.pth", {"padding_type": "reflect"})
    assert "padding_type" not in caplog.text and "add_out_act" in caplog.text


def test_files_that_say_it_leave_nothing_to_assume(tmp_path, tiny, caplog):
    """Ours, and official folders."""
    assert load_checkpoint(tiny.path).assumed == {}
    (tmp_path / "models").mkdir()
    torch.save(seeded(FFC), tmp_path / "models" / "best.ckpt")
    (tmp_path / "config.yaml").write_text("generator: {n_blocks: 2, add_out_act: sigmoid}")
    assert load_checkpoint(tmp_path).assumed == {}
    assert not caplog.records


def test_nothing_is_assumed_of_published_files(tmp_path, monkeypatch, caplog):
    torch.save(seeded(FFC), tmp_path / "w.pth")
    monkeypatch.setattr("lama_deploy.checkpoints.checkpoint.KNOWN", {sha256_of(tmp_path / "w.pth")})
    assert load_checkpoint(tmp_path / "w.pth").assumed == {} and not caplog.records


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("generator: {n_blocks: 2, add_out_act: sigmoid}", None),
        ("generator: {n_blocks: 2, add_out_act: tanh}", "add_out_act is 'tanh'"),
        ("generator: {n_blocks: 9, add_out_act: tanh}", "assumed"),  # another's, as that of another program
        ("model: {n_blocks: 2}", "assumed"),
        ("[", "assumed"),
    ],
)
def test_configuration_in_the_checkpoints_own_folder(tmp_path, caplog, text, message):
    torch.save(seeded(FFC), tmp_path / "best.ckpt")
    (tmp_path / "config.yaml").write_text(text)
    if message and message != "assumed":
        with pytest.raises(CheckpointError, match=message):
            load_checkpoint(tmp_path / "best.ckpt")
        return
    assert load_checkpoint(tmp_path / "best.ckpt").assumed == (UNSHOWN["ffc"] if message else {})
    assert ("assumed" in caplog.text) == bool(message)


@pytest.mark.parametrize(
    ("told", "message"),
    [
        ({"fft_norm": "forward"}, "fft_norm is 'forward', and only 'ortho' is computed here"),
        ({"add_out_act": "tanh"}, "add_out_act is 'tanh', and only 'sigmoid'"),
        ({"min_dilation": "1"}, "min_dilation is no field of a generator of kind ffc"),
    ],
)
def test_told_what_is_not_computed(tiny, told, message):
    with pytest.raises(ConfigError, match=message):
        load_checkpoint(tiny.path, told)


@pytest.mark.parametrize("text", ["fft_norm", "colour=1", "=ortho"])
def test_what_cannot_be_told(text):
    with pytest.raises(ConfigError, match="allowed are FIELD=VALUE with the fields generator, add_out_act"):
        parse_told(["fft_norm=ortho", text])


def test_recognising_still_knows_its_own():
    assert recognise(expected_shapes(FFC)) == FFC
