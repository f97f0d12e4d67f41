"""The generators of `run.py`: which are compared, how large they are, and their training, resumable."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from PIL import Image

from lama_deploy.disk import appears_whole
from lama_deploy.errors import LamaDeployError
from lama_deploy.evaluation.test_set import scaled_size
from lama_deploy.model.generator import build_generator
from lama_deploy.training.config import (
    DataConfig,
    DiscriminatorConfig,
    LossConfig,
    OptimizerConfig,
    TrainConfig,
    read_config,
)
from lama_deploy.training.loop import Run, train
from lama_deploy.training.sources import PictureRef, decode, find_pictures
from lama_deploy.training.state import CONFIG, LAST, WEIGHTS, read_state
from lama_deploy.variants import GeneratorConfig, Kind

# The demonstration model's, for the reasons given in its configuration; copied, since the budget of a record must not
# change with another file.
LOSSES = LossConfig(
    l1_known=30.0,
    l1_missing=10.0,
    adversarial=3.0,
    feature_matching=30.0,
    perceptual="efficientnet-lite0",
    perceptual_weight=3.0,
)
PAPER_CROP = 256  # the sides that the paper's mask sets are made for
GROUPS = ("photos", "textures")  # of the corpus


@dataclass(frozen=True, kw_only=True)
class Size:
    """How large the experiment is. Lengths in pixels.

    widths: of the generators by kind, so that parameters are about equal.
    train_side: smaller side of the training pictures, from which crops are taken.
    photographs: of the test, at the training size. large: of them, at the larger sizes. factors: of these sizes.
    periodic: drawn pictures.
    """

    widths: Mapping[Kind, int]
    blocks: int
    discriminator: int
    crop: int
    train_side: int
    batch: int
    steps: int
    photographs: int
    large: int
    factors: tuple[int, ...]
    periodic: int
    workers: int
    save_every: int


SIZES: Mapping[str, Size] = {
    # For tests: nothing is learned.
    "smoke": Size(
        widths={"ffc": 6, "regular": 5, "dilated": 5},
        blocks=1,
        discriminator=4,
        crop=72,  # the least that a dilated trunk takes
        train_side=80,
        batch=2,
        steps=2,
        photographs=2,
        large=1,
        factors=(2,),
        periodic=2,
        workers=0,
        save_every=1,
    ),
    # The receptive field of 3 regular blocks (13 latent pixels) is to the crop's latent (12) what the paper's is (37
    # to 32), so that larger pictures leave it behind as they do there.
    "cpu": Size(
        widths={"ffc": 16, "regular": 13, "dilated": 13},
        blocks=3,
        discriminator=16,
        crop=96,
        train_side=128,
        batch=4,
        steps=700,
        photographs=66,
        large=30,
        factors=(2, 3),
        periodic=48,
        workers=1,
        save_every=50,
    ),
    # Crops of 256 from pictures of 512, as the paper's.
    "gpu": Size(
        widths={"ffc": 32, "regular": 25, "dilated": 25},
        blocks=6,
        discriminator=64,
        crop=256,
        train_side=512,
        batch=16,
        steps=20_000,
        photographs=66,
        large=30,
        factors=(2, 3, 4),
        periodic=96,
        workers=8,
        save_every=500,
    ),
}


@dataclass(frozen=True)
class Contender:
    """A generator to train: its kind, and the masks it is trained on."""

    name: str
    kind: Kind
    masks: str = "train"


CONTENDERS = (
    Contender("fourier", "ffc"),
    Contender("regular", "regular"),
    Contender("dilated", "dilated"),
    Contender("fourier-narrow", "ffc", "train-narrow"),
    Contender("regular-narrow", "regular", "train-narrow"),
)


@dataclass(frozen=True)
class Trained:
    """seconds_per_step: of the call that ended the training, its start included; None when it could not note it."""

    name: str
    seed: int
    weights: Path
    parameters: int
    seconds_per_step: float | None


def train_config(contender: Contender, size: Size, seed: int) -> TrainConfig:
    """Everything but the generator and the masks is equal for all contenders."""
    return TrainConfig(
        generator=GeneratorConfig(kind=contender.kind, width=size.widths[contender.kind], blocks=size.blocks),
        discriminator=DiscriminatorConfig(width=size.discriminator),
        losses=LOSSES,
        # No mean of weights: it would lag behind in a short run, and the cosine's end averages as well.
        optimizer=OptimizerConfig(decay="cosine", fresh_fakes=False),
        data=DataConfig(
            batch_size=size.batch,
            crop=size.crop,
            masks=contender.masks,
            mask_scale=size.crop / PAPER_CROP,
            augmentation="distortions",
            shares={"photos": 3, "textures": 1},
            workers=size.workers,
        ),
        steps=size.steps,
        seed=seed,
        precision="bf16-mixed",
        channels_last=True,
        log_every=20,
        pictures_every=max(1, size.steps // 4),
        save_every=size.save_every,
    )


def parameters(config: GeneratorConfig) -> int:
    with torch.device("meta"):
        return sum(weight.numel() for weight in build_generator(config).parameters())


def shrunk_corpus(corpus: Path, side: int, out: Path) -> Path:
    """The training pictures with smaller side `side`, as PNG; those that are there already stay.

    The test shows whole photographs at the training size, so that training must see them at about that scale.
    """
    folder = out / f"train-{side}"
    for group in GROUPS:
        for picture in find_pictures(corpus / "train" / group):
            target = folder / group / f"{picture.name}.png"
            if not target.exists():
                _shrink(picture, side, target)
    return folder


def _shrink(picture: PictureRef, side: int, target: Path) -> None:
    image = Image.fromarray(decode(picture))
    small = image.resize(scaled_size(image.size, side), Image.Resampling.LANCZOS)
    target.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(target) as stream:
        small.save(stream, "PNG")


def trained(contender: Contender, size: Size, seed: int, data: Path, out: Path, device: str) -> Trained:
    """Train it, or go on, or find it done, in OUT/runs/NAME-seedN."""
    config = train_config(contender, size, seed)
    folder = out / "runs" / f"{contender.name}-seed{seed}"
    first = _steps_done(folder, config)
    if first < config.steps:
        start = time.perf_counter()
        train(config, Run(data=data, out=folder, resume=first > 0, accelerator=device))
        seconds = (time.perf_counter() - start) / (config.steps - first)
        (folder / "timing.json").write_text(json.dumps({"seconds_per_step": round(seconds, 4)}) + "\n")
    return Trained(contender.name, seed, folder / WEIGHTS, parameters(config.generator), _seconds_per_step(folder))


def _steps_done(folder: Path, config: TrainConfig) -> int:
    if not (folder / LAST).exists():
        return 0
    if read_config(folder / CONFIG) != config:
        raise LamaDeployError(f"{folder}: was trained with other settings; remove it, or use another --out")
    return int(read_state(folder / LAST)["global_step"])


def _seconds_per_step(folder: Path) -> float | None:
    file = folder / "timing.json"
    return float(json.loads(file.read_text())["seconds_per_step"]) if file.exists() else None
