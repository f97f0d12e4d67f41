"""Weights by name: the published ones from a cache or a verified download, the demonstration's from the package."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path

from lama_deploy.cache import cache_directory, kept_in_cache, torch_home
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lama_deploy.checkpoints.published import DEMO as DEMO  # callers have it from here
from lama_deploy.checkpoints.published import DEMO_SHA256, PUBLISHED, PublishedWeights
from lama_deploy.disk import sha256_of
from lama_deploy.errors import MissingDependencyError, WeightsNotFoundError, brief

log = logging.getLogger(__name__)
DEMO_FILE = Path(__file__).parents[1] / "data" / "lama-demo.safetensors"  # examples/demo_model says how it was trained
DEMO_NOTE = "lama-demo is a small model trained on a few hundred photographs, for demonstration; see --help for others"


def find_weights(name_or_path: str | os.PathLike[str], *, download: bool = True) -> Path:
    """The file behind a path or a name, a published one verified, and downloaded where it is on this machine nowhere.

    Other programs' copies (IOPaint, simple-lama) are taken from torch's cache, where they are the published file.

    Raises WeightsNotFoundError, which says where to put the file on a machine without a network, or, where `download`
    is false, what downloads it.
    """
    path = Path(name_or_path)
    published = PUBLISHED.get(str(name_or_path))
    if _is_checkpoint(path):
        return path
    if str(name_or_path) == DEMO:
        return _shipped()
    if published is None:
        known = ", ".join([*PUBLISHED, DEMO])
        raise WeightsNotFoundError(
            f"{brief(name_or_path)}: no checkpoint there, and no name of weights; known names: {known}"
        )
    cached = cache_directory() / published.file_name
    if not cached.is_file():
        others = _of_others(published)
        if others is not None:
            return others
        if not download:
            raise WeightsNotFoundError(
                f"{name_or_path} is not on this machine; lama-export --weights {name_or_path} downloads it"
            )
        _download(published, cached)
    digest = sha256_of(cached)
    if digest != published.sha256:
        raise WeightsNotFoundError(
            f"{cached}: SHA-256 {digest} is not the published {published.sha256}; delete the file and try again"
        )
    return cached


def files_here(name: str) -> list[Path]:
    """Those of published weights that are on this machine, unchecked, in the order that `find_weights` looks."""
    published, home = PUBLISHED[name], torch_home()
    own = kept_in_cache(published.file_name)
    places = [own, home / "hub" / "checkpoints" / published.file_name if home else None]
    return [place for place in places if place is not None and place.is_file()]


def known_as(sha256: str) -> str | None:
    """What the file of this hash is, None for none that is known."""
    known = {published.sha256: f"the published {name}" for name, published in PUBLISHED.items()}
    return {**known, DEMO_SHA256: f"{DEMO}, as it ships"}.get(sha256)


def _is_checkpoint(path: Path) -> bool:
    try:
        return path.is_file() or (path / "models").is_dir()
    except (OSError, ValueError):  # too long for a name, in a folder that may not be entered, with a NUL
        return False


def _of_others(published: PublishedWeights) -> Path | None:
    """In torch's cache; None where there is no such file, or another of its name, which is logged."""
    home = torch_home()
    found = None if home is None else home / "hub" / "checkpoints" / published.file_name
    if found is None or not found.is_file():
        return None
    try:
        digest = sha256_of(found)
    except OSError as error:
        log.warning("%s: cannot be read (%s), so it is not used", brief(str(found)), brief(error))
        return None
    if digest == published.sha256:
        return found
    log.warning(
        "%s: not used: its SHA-256 %s is not the published %s; to run it all the same, give its path",
        *(brief(str(found)), digest, published.sha256),
    )
    return None


def _shipped() -> Path:
    """The demonstration's file. Raises WeightsNotFoundError where the package holds another one, or none."""
    digest = sha256_of(DEMO_FILE) if DEMO_FILE.is_file() else "of no file"
    if digest != DEMO_SHA256:
        raise WeightsNotFoundError(
            f"{DEMO_FILE}: SHA-256 {digest} is not {DEMO_SHA256}, that of {DEMO}; install lama-deploy again"
        )
    return DEMO_FILE


def load_weights(name_or_path: str | os.PathLike[str], told: Mapping[str, str] | None = None) -> Checkpoint:
    """The checkpoint behind a path or a name. told: as for `load_checkpoint`."""
    return load_checkpoint(find_weights(name_or_path), told)


def provenance(checkpoint: Checkpoint) -> str:
    """A line that says which file was read, and whether it is one that is known."""
    told = known_as(checkpoint.sha256) or "of no published file"
    return f"weights: {brief(str(checkpoint.path), 500)}, SHA-256 {checkpoint.sha256} ({told})"


def _download(published: PublishedWeights, target: Path) -> None:
    try:
        import pooch
    except ImportError as error:
        raise MissingDependencyError(
            f"downloading weights needs pooch: pip install pooch, or put {published.url} at {target}"
        ) from error
    try:
        pooch.retrieve(
            published.url, f"sha256:{published.sha256}", fname=target.name, path=target.parent, progressbar=True
        )
    except (OSError, ValueError) as error:  # requests' errors are OSErrors; a wrong hash is a ValueError
        reason = (
            "it has another SHA-256 than the published one"
            if isinstance(error, ValueError)
            else f"{type(error).__name__}"
        )
        raise WeightsNotFoundError(
            f"{target.name} could not be downloaded ({reason}); put the file from {published.url} at {target}"
        ) from error
