"""Small seeded generators of every kind, for files that are exported in a second."""

from pathlib import Path

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig

CONFIGS = {
    "fourier": GeneratorConfig(width=8, blocks=2),
    "regular": GeneratorConfig(kind="regular", width=8, blocks=2),
    "dilated": GeneratorConfig(kind="dilated", width=8, blocks=2),
}


def seeded(kind: str, folder: Path, seed: int = 4) -> Checkpoint:
    state = {key: value.numpy() for key, value in seeded_generator(CONFIGS[kind], seed=seed).state_dict().items()}
    save_checkpoint(folder / f"{kind}-{seed}.safetensors", CONFIGS[kind], state)
    return load_checkpoint(folder / f"{kind}-{seed}.safetensors")
