"""One training at a time in a folder, and no process of it that outlives the first."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from lightning_fabric import Fabric

from lama_deploy.errors import TrainingError, brief
from lama_deploy.locks import locked

LOCK = Path(".lock")  # in the run's folder; stays there, and is free when its holder dies


@contextmanager
def alone_in(out: Path) -> Iterator[None]:
    """Hold the folder against other trainings; made where it is not there, gone where the block leaves it empty.

    Raises TrainingError where one is running, or the folder cannot be had.
    """
    is_new = not out.exists()
    try:
        out.mkdir(parents=True, exist_ok=True)
        with locked(out / LOCK, wait=False):
            try:
                yield
            finally:
                if is_new and [path.name for path in out.iterdir()] == [LOCK.name]:
                    (out / LOCK).unlink()
                    out.rmdir()
    except BlockingIOError as error:
        raise TrainingError(
            f"{brief(str(out))}: another training writes there; wait for its end, or use another --out"
        ) from error
    except OSError as error:
        if isinstance(error.filename, str) and not Path(error.filename).absolute().is_relative_to(out.absolute()):
            raise  # of the data, not of this folder
        reason = brief(error.strerror or error)
        advice = "free some space and go on with --resume, or use another --out"
        if error.errno in (errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.EACCES, errno.EROFS, errno.ELOOP):
            advice = "use another --out"
        raise TrainingError(f"{brief(str(out))}: could not be written ({reason}); {advice}") from error


@contextmanager
def ends_together(fabric: Fabric) -> Iterator[None]:
    """When the block fails, kill the processes that this one started: they would wait for it for ever.

    Only the first process writes files, so nothing is left half.
    """
    try:
        yield
    except BaseException:
        for process in getattr(fabric.strategy.launcher, "procs", ()):
            with suppress(OSError):
                process.kill()
        raise
