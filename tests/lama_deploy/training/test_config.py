"""Configurations: names, YAML, overrides; what cannot be is refused in one line that names the field."""

from dataclasses import replace

import pytest
import yaml

from lama_deploy.errors import ConfigError
from lama_deploy.training.config import (
    OFFICIAL_LOSSES,
    PAPER_LOSSES,
    DataConfig,
    TrainConfig,
    config_from_dict,
    config_to_dict,
    override,
    read_config,
)
from lama_deploy.training.presets import PRESETS, preset
from lama_deploy.variants import VARIANTS, GeneratorConfig


def test_yaml_with_sections_and_names(tmp_path):
    path = tmp_path / "run.yaml"
    path.write_text(
        "generator: {kind: regular, width: 8}\nlosses: paper\ndata:\n  crop: 64\n  shares: {photos: 3, textures: 1.5}\n"
        "optimizer: {ema: 0.99, generator_lr: 1e-3}\nsteps: 12\nprecision: bf16-mixed\n"
    )
    config = read_config(path)
    assert config.generator == GeneratorConfig(kind="regular", width=8)
    assert config.losses == PAPER_LOSSES
    assert config.data == DataConfig(crop=64, shares={"photos": 3.0, "textures": 1.5})
    assert (config.optimizer.ema, config.optimizer.generator_lr, config.optimizer.beta1) == (0.99, 0.001, 0.9)
    assert (config.steps, config.precision, config.seed) == (12, "bf16-mixed", 0)


def test_fields_that_are_not_named_stay_those_of_the_base():
    base = override(TrainConfig(), ["losses.r1=0.5", "data.crop=64", "seed=9"])
    config = config_from_dict({"losses": {"l1_known": 1}, "data": {"workers": 0}}, base)
    assert config == replace(base, losses=replace(base.losses, l1_known=1.0), data=replace(base.data, workers=0))
    assert (config.losses.r1, config.data.crop, config.seed) == (0.5, 64, 9)


def test_overrides_come_one_after_the_other():
    config = override(
        TrainConfig(), ["losses.r1=3", "losses=paper", "losses.l1_known=2", "data.crop=64", "data.crop=32"]
    )
    assert config.losses == replace(PAPER_LOSSES, l1_known=2.0)
    assert config.data.crop == 32
    assert override(TrainConfig(), ["generator=big-lama", "generator.blocks=2"]).generator == GeneratorConfig(blocks=2)


@pytest.mark.parametrize(
    ("assignment", "section", "field", "value"),
    [
        ("optimizer.generator_lr=1e-3", "optimizer", "generator_lr", 0.001),  # text, to YAML 1.1
        ("optimizer.clip_norm=2", "optimizer", "clip_norm", 2.0),
        ("optimizer.ema=null", "optimizer", "ema", None),
        ("optimizer.fresh_fakes=false", "optimizer", "fresh_fakes", False),
        ("losses.perceptual_weights=/a=b.pth", "losses", "perceptual_weights", "/a=b.pth"),
        ("data.shares={a: 1, b: 2e0}", "data", "shares", {"a": 1.0, "b": 2.0}),
    ],
)
def test_values_become_their_fields_types(assignment, section, field, value):
    found = getattr(getattr(override(TrainConfig(), [assignment]), section), field)
    assert found == value and type(found) is type(value)


REFUSED = {
    "stepz=3": "no such setting: stepz; there are: generator, discriminator, losses,",
    "data.cropp=64": "no such setting: data.cropp; there are: batch_size, crop, augmentation,",
    "optimizer.generator_lr=fast": "optimizer.generator_lr is fast: ",
    "optimizer.generator_lr=.inf": "optimizer.generator_lr is inf: ",
    "optimizer.generator_lr=0": "optimizer.generator_lr is 0: input should be greater than 0",
    "optimizer.beta1=1": "optimizer.beta1 is 1: input should be less than 1",
    "optimizer.ema=1.5": "optimizer.ema is 1.5: input should be less than 1",
    "optimizer.decay=linear": "optimizer.decay is linear: input should be 'constant' or 'cosine'",
    "losses.fake_labels=far": "losses.fake_labels is far: input should be 'nearest' or 'touched'",
    "losses.r1=.nan": "losses.r1 is nan: ",
    "losses.l1_known=-1": "losses.l1_known is -1: input should be greater than or equal to 0",
    "losses.perceptual_reduction=max": "input should be 'sum' or 'mean'",
    "losses=peper": "losses: 'peper' is no known name; known: official, paper",
    "losses=null": "losses is a section of settings, not None",
    "losses=[1]": "losses is a section of settings, not [1]",
    "generator=lama": "generator: 'lama' is no known name; known: lama-fourier, big-lama,",
    "generator.blocks=0": "generator blocks is 0; it must be an integer from 1 to 512",
    "generator.kind=unet": "generator.kind is unet: input should be 'ffc', 'regular' or 'dilated'",
    "data.augmentation=all": "data.augmentation is all: input should be 'distortions', 'photographs' or 'none'",
    "data.crop=100": "data.crop is 100; this generator needs a multiple of 8, at least 16",
    "data.crop=8": "data.crop is 8; this generator needs a multiple of 8, at least 16",
    "data.crop={a: 1}": "data.crop is {'a': 1}: ",
    "data.crop=64.5": "data.crop is 64.5: ",
    "data.workers=-1": "data.workers is -1: ",
    "data.mask_scale=.inf": "data.mask_scale is inf: ",
    "data.outpainting_share=1.5": "data.outpainting_share is 1.5: ",
    "data.shares={a: three}": "data.shares.a is three: ",
    "data.shares={a: -1}": "data.shares.a is -1: ",
    "data.shares=3": "data.shares is 3: ",
    "data={1: 2, x: 3}": "no such setting: data.1;",
    "discriminator.layers=0": "discriminator.layers is 0: input should be greater than 0",
    "discriminator.width=0": "discriminator.width is 0: ",
    "precision=fp8": "precision is fp8: input should be '32-true' or 'bf16-mixed'",
    "steps=0": "steps is 0: input should be greater than 0",
    "save_every=0": "save_every is 0: ",
    "seed=-1": "seed is -1: ",
    "seed=true": "seed is True; it must be a number",
    "seed=18446744073709551616": "seed is 18446744073709551616: input should be less than or equal to",
    "generator.width=1000000000000": "generator width is 1000000000000; it must be an integer from 1 to 4096",
    "generator.downsamplings=10000000000": "generator downsamplings is 10000000000; it must be an integer from 1 to 8",
    "discriminator.layers=1000000000": "discriminator.layers is 1000000000: input should be less than or equal to 16",
    "steps=1" + "0" * 5000: "its value is no YAML (line 1: a number of 5,001 digits, of at most 100)",
    "seed=null": "seed is None: ",
    "steps": "'steps' is no assignment; write section.field=value",
    "steps=[": "'steps=[': its value is no YAML",
    "=3": "no such setting: ; there are",
}


@pytest.mark.parametrize("assignment", REFUSED)
def test_refused_in_one_line(assignment):
    with pytest.raises(ConfigError) as caught:
        override(TrainConfig(), [assignment])
    assert REFUSED[assignment] in str(caught.value)
    assert "\n" not in str(caught.value)


def test_crop_fits_the_generator():
    with pytest.raises(ConfigError, match=r"data.crop is 64; this generator needs a multiple of 8, at least 72"):
        config_from_dict({"generator": "lama-dilated", "data": {"crop": 64}})


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "a mapping of sections, this is None"),
        ("- 1\n- 2\n", r"a mapping of sections, this is \[1, 2\]"),
        ("a: b: c", "no readable YAML"),
        ("steps: 3\n\tdata: 4\n", "no readable YAML"),
        ("data: {crop: wide}\n", "data.crop is wide"),
        ("!!python/object/apply:os.system ['exit 1']", "no readable YAML"),
    ],
)
def test_files_that_are_no_configurations(tmp_path, text, message):
    path = tmp_path / "run.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message) as caught:
        read_config(path)
    assert "\n" not in str(caught.value)


def test_file_that_is_not_there_or_not_text(tmp_path):
    with pytest.raises(ConfigError, match="no readable YAML"):
        read_config(tmp_path / "none.yaml")
    (tmp_path / "run.yaml").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigError, match="no readable YAML"):
        read_config(tmp_path / "run.yaml")


@pytest.mark.parametrize("name", PRESETS)
def test_configurations_survive_yaml(name):
    config = replace(PRESETS[name], seed=4)
    assert config_from_dict(yaml.safe_load(yaml.safe_dump(config_to_dict(config)))) == config


def test_defaults_are_the_official_code():
    """spec D and F: the weights of all main configs, Adam's rates, clipping, batch, steps."""
    config = TrainConfig()
    losses, optimizer, data = config.losses, config.optimizer, config.data
    assert (losses.l1_known, losses.l1_missing, losses.adversarial, losses.discriminator) == (10, 0, 10, 1)
    assert (losses.r1, losses.feature_matching, losses.fake_labels) == (0.001, 100, "nearest")
    assert (losses.perceptual, losses.perceptual_weight, losses.perceptual_reduction) == (
        "resnet50-dilated-ade20k",
        30,
        "sum",
    )
    assert (optimizer.generator_lr, optimizer.discriminator_lr) == (1e-3, 1e-4)
    assert (optimizer.beta1, optimizer.beta2, optimizer.clip_norm) == (0.9, 0.999, 1.0)
    assert (optimizer.decay, optimizer.ema, optimizer.fresh_fakes) == ("constant", None, True)
    assert (data.batch_size, data.crop, data.augmentation, data.masks) == (10, 256, "distortions", "train")
    assert (data.mask_files_share, data.outpainting_share) == (0, 0)
    assert (config.steps, config.precision) == (25_000 * 40, "32-true")
    assert (config.discriminator.width, config.discriminator.layers) == (64, 4)


def test_paper_differs_where_the_paper_does():
    """Spec D, "Paper vs code": no L1, kappa on both networks, patches that touch the mask, mean over stages."""
    official, paper = (
        config_to_dict(TrainConfig(losses=losses))["losses"] for losses in (OFFICIAL_LOSSES, PAPER_LOSSES)
    )
    assert {name: paper[name] for name in paper if paper[name] != official[name]} == {
        "l1_known": 0.0,
        "discriminator": 10.0,
        "fake_labels": "touched",
        "perceptual_reduction": "mean",
    }


GENERATORS = {name: name for name in VARIANTS if name != "lama-demo"} | {
    name: "lama-regular" for name in PRESETS if name.startswith("lama-regular")
}


def test_presets_of_the_tables():
    """What differs from the official defaults: the generator of each name, and these fields alone."""
    changed = {
        "big-lama": {"batch_size": 15},
        "lama-regular-plain-ade20k": {"perceptual": "resnet50-plain-ade20k"},
        "lama-regular-clf-dilated": {"perceptual": "resnet50-dilated-imagenet", "perceptual_weight": 1.0},
        "lama-regular-clf-plain": {"perceptual": "resnet50-plain-imagenet", "perceptual_weight": 0.3},
        "lama-regular-vgg19": {"perceptual": "vgg19", "perceptual_weight": 0.03},
        "lama-regular-no-perceptual": {"perceptual_weight": 0.0},
        "lama-regular-no-matching": {"feature_matching": 0.0},
        "lama-regular-narrow": {"masks": "train-narrow"},
        "lama-fourier-celeba": {"batch_size": 5, "augmentation": "none"},
        "lama-regular-celeba": {"batch_size": 5, "augmentation": "none"},
        "big-lama-celeba": {"batch_size": 5, "augmentation": "none"},
    }
    assert set(GENERATORS) | set(changed) == set(PRESETS)
    for name, config in PRESETS.items():
        generator = GENERATORS.get(name, name.removesuffix("-celeba"))
        found, plain = (config_to_dict(c) for c in (config, TrainConfig(generator=VARIANTS[generator])))
        assert found["generator"] == plain["generator"]
        different = {
            field: found[section][field]
            for section in ("losses", "data", "optimizer", "discriminator")
            for field in found[section]
            if found[section][field] != plain[section][field]
        }
        assert different == changed.get(name, {})
        assert all(found[field] == plain[field] for field in ("steps", "precision", "channels_last", "seed"))


def test_unknown_preset_names_the_known():
    with pytest.raises(ConfigError, match="'lama' is unknown; a file, or one of: lama-fourier, lama-regular,"):
        preset("lama")
