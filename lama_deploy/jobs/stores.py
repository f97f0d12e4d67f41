"""Folders in object stores: listed where the call is made, fetched and put where the pictures are filled.

Folders of empty files stand in for them, so that what pairs images with masks and finds names for results is the same.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from shutil import copyfileobj
from typing import Any

from lama_deploy.errors import LamaDeployError, MissingDependencyError, brief
from lama_deploy.images.pairs import Job
from lama_deploy.installing import install
from lama_deploy.jobs.outcomes import Ended
from lama_deploy.temporaries import temporary_folder

URI = re.compile(r"([a-z][a-z0-9+.-]+):/+(.*)")  # of a path too, which has lost a slash
Done = tuple[dict[Job, Ended], Mapping[str, list[str]]]  # how jobs ended, and notes: {text: names}


def is_in_store(path: Path) -> bool:
    """By its name, unless there is such a file or folder."""
    return URI.fullmatch(str(path)) is not None and not path.exists()


@dataclass
class Stores:
    """Stand-in paths and what they stand for; pickled. places: {stand-in: URI}, neither ends with a slash."""

    folder: Path
    places: dict[str, str] = field(default_factory=dict)

    def add(self, path: Path, *, is_output: bool = False) -> Path:
        """The stand-in for a URI, which is made here: a folder of what the store lists, or a file.

        Raises LamaDeployError where there is nothing, but for an output.
        """
        uri = _uri(path)
        stand_in = self.folder / str(len(self.places)) / (uri.rsplit("/", 1)[-1] or "store")
        stand_in.parent.mkdir()
        self.places[str(stand_in)] = uri
        found = _listed(uri)
        if found == [""]:
            stand_in.touch()
        elif found or is_output:
            stand_in.mkdir()
            for name in found:
                file = stand_in / name
                file.parent.mkdir(parents=True, exist_ok=True)
                file.write_bytes(b"-")  # what is empty would count as free for a result
        else:
            raise LamaDeployError(f"{brief(uri)}: nothing there; give a folder that has pictures")
        return stand_in

    def uri_of(self, path: Path | None) -> str | None:
        """None for what lies in no store."""
        for stand_in, uri in self.places.items():
            if path is not None and path.is_relative_to(stand_in):
                rest = path.relative_to(stand_in).as_posix()
                return uri if rest == "." else f"{uri}/{rest}"
        return None

    def told(self, text: str) -> str:
        """A message, with what people know in place of stand-ins."""
        for stand_in, uri in self.places.items():
            text = text.replace(stand_in, uri)
        return text


@contextmanager
def standing_in() -> Iterator[Stores]:
    with temporary_folder(Path(tempfile.gettempdir())) as folder:
        yield Stores(folder)


def through(stores: Stores, jobs: list[Job], do: Callable[[list[Job]], Done]) -> Done:
    """Fetches what jobs read, lets `do` do them here, and puts the results. Nothing is raised for one of them."""
    with temporary_folder(Path(tempfile.gettempdir())) as folder:
        here = {job: _here(stores, job, folder / str(index)) for index, job in enumerate(jobs)}
        ended: dict[Job, Ended] = {}
        for job in jobs:
            reason = _tried(lambda job=job: _fetch_job(stores, job, here[job]))  # type: ignore[misc]
            if reason:
                ended[job] = Ended(f"{brief(str(job.image))}: cannot be fetched ({reason})")
        done, notes = do([here[job] for job in jobs if job not in ended])
        for job in jobs:
            if job not in ended:
                ended[job] = _put(stores, job, here[job], done[here[job]])
        names = {str(local): str(own) for job in jobs for own, local in _pairs(job, here[job])}
        return ended, {text: [names.get(name, name) for name in some] for text, some in notes.items()}


def _put(stores: Stores, job: Job, here: Job, ended: Ended) -> Ended:
    """How it ended at last, in the job's own names."""
    if ended.error is not None:
        error = ended.error
        for own, local in _pairs(job, here):
            error = error.replace(str(local), str(own))
        return replace(ended, error=error)
    uri = stores.uri_of(job.output)
    reason = None if uri is None else _tried(lambda: _copy_out(here.output, uri))
    return ended if reason is None else replace(ended, error=f"{brief(str(job.output))}: cannot be written ({reason})")


def _pairs(job: Job, here: Job) -> list[tuple[Path, Path]]:
    pairs = ((job.image, here.image), (job.mask, here.mask), (job.output, here.output))
    return [(own, local) for own, local in pairs if own is not None and local is not None]


def _here(stores: Stores, job: Job, folder: Path) -> Job:
    """With files of a local folder in place of those of stores; their names end as theirs."""

    def local(path: Path, name: str) -> Path:
        return path if stores.uri_of(path) is None else folder / name / path.name

    return Job(local(job.image, "image"), job.mask and local(job.mask, "mask"), local(job.output, "output"))


def _fetch_job(stores: Stores, job: Job, here: Job) -> None:
    for own, local in ((job.image, here.image), (job.mask, here.mask)):
        uri = stores.uri_of(own)
        if uri is not None and local is not None:
            local.parent.mkdir(parents=True, exist_ok=True)
            filesystem, place = _opened(uri)
            with filesystem.open_input_stream(place) as source, local.open("wb") as target:
                copyfileobj(source, target)


def _copy_out(file: Path, uri: str) -> None:
    filesystem, place = _opened(uri)
    filesystem.create_dir(place.rsplit("/", 1)[0], recursive=True)
    with file.open("rb") as source, filesystem.open_output_stream(place) as target:
        copyfileobj(source, target)


def _tried(do: Callable[[], None]) -> str | None:
    """Why it failed. Stores' clients have no common exception."""
    try:
        do()
    except Exception as error:
        return brief(error)
    return None


def _listed(uri: str) -> list[str]:
    """Names of the files below, from there; "" for a file itself. Raises LamaDeployError."""
    try:
        from pyarrow.fs import FileSelector, FileType

        filesystem, place = _opened(uri)
        if filesystem.get_file_info(place).type == FileType.File:
            return [""]
        found = filesystem.get_file_info(FileSelector(place, recursive=True, allow_not_found=True))
    except ModuleNotFoundError as error:
        raise MissingDependencyError(
            f"object stores need {error.name}, which is not installed: {install('ray')}"
        ) from error
    except LamaDeployError:
        raise
    except Exception as error:
        raise LamaDeployError(f"{brief(uri)}: cannot be listed ({brief(error)})") from error
    names = [one.path[len(place) :].lstrip("/") for one in found if one.type == FileType.File]
    return [name for name in names if name and ".." not in name.split("/") and "\0" not in name]


def _opened(uri: str) -> tuple[Any, str]:
    """A file system of pyarrow's, or else of fsspec's, and the path in it."""
    from pyarrow import ArrowInvalid
    from pyarrow.fs import FileSystem, FSSpecHandler, PyFileSystem

    try:
        filesystem, place = FileSystem.from_uri(uri)
    except ArrowInvalid:  # no scheme that pyarrow knows
        import fsspec

        other, place = fsspec.core.url_to_fs(uri)
        filesystem = PyFileSystem(FSSpecHandler(other))
    return filesystem, str(place).rstrip("/")


def _uri(path: Path) -> str:
    """With the slashes that a path has lost."""
    found = URI.fullmatch(str(path))
    assert found is not None
    return f"{found[1]}://{'/' if found[1] == 'file' else ''}{found[2]}".rstrip("/")
