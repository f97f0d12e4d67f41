"""What weights are called, for the names that are not given."""

from __future__ import annotations

from lama_deploy.checkpoints.checkpoint import Checkpoint

NAMELESS = ("best", "last", "generator", "model")


def name_of(checkpoint: Checkpoint) -> str:
    """The file's name; of one that is called the same everywhere, such as models/best.ckpt, its folder's."""
    path = checkpoint.path.absolute()
    if path.stem not in NAMELESS:
        return path.stem
    folder = path.parent.parent if path.parent.name == "models" else path.parent
    return folder.name or path.stem
