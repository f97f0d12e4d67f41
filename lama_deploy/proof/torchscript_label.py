"""What precision a TorchScript file's weights are stored in, read as data: nothing in it is run."""

from __future__ import annotations

import zipfile
from pathlib import Path

from lama_deploy.bundle import PRECISION_PROPERTY
from lama_deploy.checkpoints.torch_archive import TorchArchive

KINDS = {"FloatStorage": "fp32", "HalfStorage": "fp16", "BFloat16Storage": "bf16"}


def read_torchscript(path: Path) -> tuple[str | None, set[str]]:
    """(precision that the file names, those of its weights). Raises CheckpointError, zipfile.BadZipFile."""
    with TorchArchive(path) as archive:
        kinds = {ref.storage.kind for group in archive.groups().values() for ref in group.values()}
    with zipfile.ZipFile(path) as file:
        named = [file.read(name).decode() for name in file.namelist() if name.endswith(f"/extra/{PRECISION_PROPERTY}")]
    return named[0] if named else None, {KINDS.get(kind, kind) for kind in kinds}
