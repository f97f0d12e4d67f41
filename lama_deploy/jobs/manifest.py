"""What is done of a folder's pictures, kept beside the results, so that a call that was killed goes on exactly.

One line of JSON for each result, written when its file is whole and before it has its name: whatever has its name has
its line, and a line whose file is not there, or is another one, counts for nothing. So nothing is lost or done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MANIFEST as BUNDLE_FILE
from lama_deploy.bundle import is_bundle
from lama_deploy.disk import sha256_of
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.pairs import Job
from lama_deploy.locks import locked

NAME = ".lama-inpaint.jsonl"  # in the folder of results
PARTS = ".lama-inpaint-*.jsonl"  # the lines of processes that work for one call, where there are several


class Manifest:
    """The lines of a folder, and those that this process adds. `appended` from any thread."""

    def __init__(self, folder: Path, key: str, descriptor: int) -> None:
        """key: of the options and the model (`key_of`). descriptor: of the file that lines are appended to."""
        self._folder, self._key, self._descriptor = folder, key, descriptor
        self._inputs: dict[Job, list[Any]] = {}
        self.read()

    def read(self) -> None:
        """Again, where other processes may have added lines."""
        self._lines: dict[str, list[dict[str, Any]]] = {}
        for file in (self._folder / NAME, *sorted(self._folder.glob(PARTS))):
            for name, line in _read(file):
                self._lines.setdefault(name, []).append(line)

    def left(self, jobs: Iterable[Job]) -> list[Job]:
        """Those that are not done with this picture, this mask and this key, or whose result is not there any more."""
        left = []
        for job in jobs:
            self._inputs[job] = _inputs(job)  # before it is read: a change from now on shows the next time
            wanted = {"key": self._key, "of": self._inputs[job], "is": _state(job.output)}
            if not self._has(job, wanted):
                left.append(job)
        return left

    def is_ours(self, job: Job) -> bool:
        """Whether what has the result's name now is what a call with --resume wrote there."""
        return self._has(job, {"is": _state(job.output)})

    def appended(self, job: Job, found: os.stat_result) -> None:
        """The line of a result that is about to get its name. Raises OSError."""
        line = {"result": self._name(job), "is": [found.st_size, found.st_mtime_ns]}
        line |= {"of": self._inputs[job], "key": self._key}
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")  # one write, so that no two lines are mixed

    def _has(self, job: Job, wanted: Mapping[str, Any]) -> bool:
        """Whether a line of its result says so."""
        lines = self._lines.get(self._name(job), [])
        return wanted["is"] is not None and any(wanted.items() <= line.items() for line in lines)

    def _name(self, job: Job) -> str:
        """Of its result, from the list's folder, which may be moved as a whole."""
        return Path(os.path.relpath(job.output, self._folder)).as_posix()


@contextmanager
def opened_manifest(folder: Path, key: str) -> Iterator[Manifest]:
    """Of the results in a folder, which is made where it is not there, and held against other calls in this block.

    Raises LamaDeployError where another call holds it, or the disk refuses.
    """
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(folder / NAME, wait=False))
            _gather_parts(folder)
            manifest = stack.enter_context(_appending(folder, folder / NAME, key))
        except BlockingIOError as error:
            raise LamaDeployError(
                f"{brief(str(folder))}: another lama-inpaint --resume is at work there; wait for its end, or stop it"
            ) from error
        except OSError as error:
            reason = brief(error.strerror or error)
            raise LamaDeployError(f"{brief(str(folder / NAME))}: cannot be used ({reason}); give another -o") from error
        yield manifest
        with suppress(OSError):  # else the next call does it; after a call that is interrupted some may still write
            _gather_parts(folder)


@contextmanager
def opened_part(folder: Path, key: str) -> Iterator[Manifest]:
    """For a process that works for the call that holds the list: it adds lines to a file of its own. Raises OSError."""
    file = folder / PARTS.replace("*", secrets.token_hex(8))
    with _appending(folder, file, key, os.O_CREAT | os.O_EXCL) as manifest:
        yield manifest


@contextmanager
def _appending(folder: Path, file: Path, key: str, flags: int = 0) -> Iterator[Manifest]:
    descriptor = os.open(file, os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0) | flags, 0o666)
    try:
        _end_last_line(descriptor)
        yield Manifest(folder, key, descriptor)
    finally:
        os.close(descriptor)


def _gather_parts(folder: Path) -> None:
    """Of a call that has ended, into the list itself. Lines that are there twice say nothing wrong."""
    parts = [part for part in sorted(folder.glob(PARTS)) if part.is_file() and not part.is_symlink()]
    if parts:
        with (folder / NAME).open("ab") as whole:
            for part in parts:
                whole.write(part.read_bytes() + b"\n")
        for part in parts:
            part.unlink()


def key_of(options: Mapping[str, Any], model: str) -> str:
    """Of all that decides about results but the pictures. options: for JSON. model: `model_identity`."""
    text = json.dumps({"options": options, "model": model}, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


def model_identity(source: str) -> str:
    """SHA-256 of what a bundle's path, an engine's file, a checkpoint or a name stands for. Raises LamaDeployError.

    Of a bundle that of its bundle.json, which has those of its files.
    """
    from lama_deploy.checkpoints.checkpoint import checkpoint_file
    from lama_deploy.checkpoints.weights import find_weights
    from lama_deploy.runtime.opening import BY_SUFFIX

    path = Path(source)
    try:
        if is_bundle(path):
            return sha256_of(path / BUNDLE_FILE)
        if path.suffix in BY_SUFFIX:
            files = [one for one in (path, path.with_suffix(".bin")) if one.is_file()]
            return " ".join(map(sha256_of, files))
        return sha256_of(checkpoint_file(find_weights(source)))
    except OSError as error:
        raise LamaDeployError(f"{brief(source)}: cannot be read ({brief(error.strerror or error)})") from error


def _inputs(job: Job) -> list[Any]:
    return [[os.path.realpath(path), _state(path)] for path in (job.image, job.mask) if path]


def _state(path: Path) -> list[int] | None:
    """None for what is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _read(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results and their lines. What is no line of ours is passed over."""
    with file.open("rb") as stream:
        for text in stream:
            try:
                line = json.loads(text)
                yield str(line["result"]), dict(line)
            except (ValueError, TypeError, KeyError, RecursionError):
                continue


def _end_last_line(descriptor: int) -> None:
    """That of a killed call may have no end."""
    size = os.fstat(descriptor).st_size
    if size and os.pread(descriptor, 1, size - 1) != b"\n":
        os.write(descriptor, b"\n")
