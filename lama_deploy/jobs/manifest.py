"""What is done of a folder's pictures, kept beside the results, so that a call that was killed goes on exactly.

One line of JSON for each result, written when its file is whole and before it has its name: whatever has its name has
its line, and a line whose file is not there, or is another one, counts for nothing. So nothing is lost or done twice.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from lama_deploy.bundle import MANIFEST as BUNDLE_FILE
from lama_deploy.bundle import is_bundle
from lama_deploy.disk import sha256_of
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.images.pairs import Job
from lama_deploy.locks import locked

NAME = ".lama-inpaint.jsonl"  # in the folder of results


class Manifest:
    """The lines of one file, and those that this call adds. `appended` from any thread."""

    def __init__(self, file: Path, key: str, descriptor: int) -> None:
        """key: of the options and the model (`key_of`). descriptor: to append to the file."""
        self._file, self._key, self._descriptor = file, key, descriptor
        self._lines = dict(_read(file))
        self._inputs: dict[Job, list[Any]] = {}

    def left(self, jobs: Iterable[Job]) -> list[Job]:
        """Those that are not done with this picture, this mask and this key, or whose result is not there any more."""
        left = []
        for job in jobs:
            self._inputs[job] = _inputs(job)  # before it is read: a change from now on shows the next time
            line = self._lines.get(self._name(job))
            wanted = {"key": self._key, "of": self._inputs[job]}
            done = line is not None and {name: line.get(name) for name in wanted} == wanted
            if not (done and self.is_ours(job)):
                left.append(job)
        return left

    def is_ours(self, job: Job) -> bool:
        """Whether what has the result's name now is what a call with --resume wrote there."""
        line = self._lines.get(self._name(job))
        return line is not None and line.get("is") == _state(job.output)

    def appended(self, job: Job, found: os.stat_result) -> None:
        """The line of a result that is about to get its name. Raises OSError."""
        line = {"result": self._name(job), "is": [found.st_size, found.st_mtime_ns]}
        line |= {"of": self._inputs[job], "key": self._key}
        os.write(self._descriptor, json.dumps(line).encode() + b"\n")  # one write, so that no two lines are mixed

    def _name(self, job: Job) -> str:
        """Of its result, from the manifest's folder: that may be moved as a whole."""
        return Path(os.path.relpath(job.output, self._file.parent)).as_posix()


@contextmanager
def opened_manifest(folder: Path, key: str) -> Iterator[Manifest]:
    """Of the results in a folder, which is made where it is not there, and held against other calls in this block.

    Raises LamaDeployError where another call holds it, or the disk refuses.
    """
    file = folder / NAME
    with ExitStack() as stack:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            stack.enter_context(locked(file, wait=False))
            descriptor = os.open(file, os.O_RDWR | os.O_APPEND | getattr(os, "O_NOFOLLOW", 0))
            stack.callback(os.close, descriptor)
            _end_last_line(descriptor)
            manifest = Manifest(file, key, descriptor)
        except BlockingIOError as error:
            raise LamaDeployError(
                f"{brief(str(folder))}: another lama-inpaint --resume is at work there; wait for its end, or stop it"
            ) from error
        except OSError as error:
            reason = brief(error.strerror or error)
            raise LamaDeployError(f"{brief(str(file))}: cannot be used ({reason}); give another -o") from error
        yield manifest


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

    path = Path(source)
    try:
        if is_bundle(path):
            return sha256_of(path / BUNDLE_FILE)
        if path.suffix in (".onnx", ".xml", ".engine"):
            files = [one for one in (path, path.with_suffix(".bin")) if one.is_file()]
            return " ".join(map(sha256_of, files))
        return sha256_of(checkpoint_file(find_weights(source)))
    except OSError as error:
        raise LamaDeployError(f"{brief(source)}: cannot be read ({brief(error.strerror or error)})") from error


def _inputs(job: Job) -> list[Any]:
    return [[os.path.realpath(path), _state(path)] for path in (job.image, job.mask)]


def _state(path: Path) -> list[int] | None:
    """None for what is not there."""
    try:
        found = path.stat()
    except OSError:
        return None
    return [found.st_size, found.st_mtime_ns]


def _read(file: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Results and their lines, the last one for each counts. What is no line of ours is passed over."""
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
