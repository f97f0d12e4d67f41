"""What an export had made when it failed, for whoever wants to look at it; never in the shape of a bundle."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from lama_deploy.bundle import MANIFEST
from lama_deploy.errors import ConfigError, brief, one_line

log = logging.getLogger(__name__)
REASON = "failed.txt"
NO_MANIFEST = f"{MANIFEST}.failed"  # a name by which nothing opens the folder


@contextmanager
def kept_if_failed(directory: Path, kept: Path | None) -> Iterator[None]:
    """What lies in `directory` when the block fails, in whatever way, moves to the folder `kept`, with the reason.

    kept: None keeps nothing. Raises ConfigError before the block unless `kept` is a new or an empty folder.
    """
    if kept is not None:
        _require_empty(kept)
    try:
        yield
    except BaseException as error:
        if kept is not None and any(directory.iterdir()):
            _keep(directory, kept, error)
        raise


def _require_empty(kept: Path) -> None:
    name = f"--keep-failed {brief(os.fspath(kept))}"
    try:
        free = not os.path.lexists(kept) or (kept.is_dir() and not any(kept.iterdir()))
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read ({error.strerror}); name another") from error
    if not free:
        raise ConfigError(f"{name}: is there already; name a folder that is new or empty")


def _keep(directory: Path, kept: Path, error: BaseException) -> None:
    """A warning says where, or why it cannot be; the failure itself stays what it was."""
    try:
        kept.mkdir(parents=True, exist_ok=True)
        for path in sorted(directory.iterdir()):
            shutil.move(path, kept / (NO_MANIFEST if path.name == MANIFEST else path.name))
        (kept / REASON).write_text(f"{one_line(str(error) or type(error).__name__)}\n")
    except OSError as refusal:
        log.warning("%s cannot keep what failed (%s)", brief(os.fspath(kept)), refusal.strerror)
    else:
        log.warning("what was made is in %s; it failed, so nothing opens it as a bundle", brief(os.fspath(kept)))
