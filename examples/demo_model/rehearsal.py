"""What a rehearsal needs beside the program: a tiny pack of drawn pictures, and weights to start from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from lama_deploy.checkpoints.checkpoint import save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from pack import pack
from packed import HELD_OUT, TRAIN, Sides
from pictures import SUFFIX, save_picture
from records import Record, write_records

SIDES = Sides(train_side=64, held_out_side=64)
COUNTS = {f"{TRAIN}/photos": 6, f"{TRAIN}/textures": 3, HELD_OUT: 3}


def drawn_pack(folder: Path) -> Path:
    """A pack of smooth pictures with some grain, drawn from a seed."""
    random, records = np.random.default_rng(0), []
    for group, count in COUNTS.items():
        for number in range(count):
            path = f"{group}/{number}{SUFFIX}"
            save_picture(_drawn(random), folder / "corpus" / path)
            records.append(Record(path, "drawn", "1", path, "CC0-1.0", "", "", ""))
    write_records(folder / "corpus", records)
    target = folder / "drawn.pack"
    pack(folder / "corpus", target, SIDES, 90, ())
    return target


def seeded_weights(path: Path, config: GeneratorConfig) -> Path:
    """In the place of the shipped weights."""
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config).state_dict().items()}
    save_checkpoint(path, config, state)
    return path


def _drawn(random: np.random.Generator) -> Image.Image:
    coarse = random.integers(0, 256, (4, 5, 3), dtype=np.uint8)
    smooth = np.asarray(Image.fromarray(coarse).resize((110, 80), Image.Resampling.BICUBIC), np.int16)
    return Image.fromarray(np.clip(smooth + random.integers(-20, 21, smooth.shape), 0, 255).astype(np.uint8))
