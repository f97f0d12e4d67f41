"""Names of what is not whole yet: exclusive, never a person's own, and removed by whoever comes after a kill."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from lama_deploy import temporaries
from lama_deploy.disk import write_whole
from lama_deploy.errors import LamaDeployError
from lama_deploy.temporaries import is_ours, new_name, remove_living, temporary_file, temporary_folder

HOLDS = """
import sys
from pathlib import Path
from lama_deploy.temporaries import temporary_file, temporary_folder
with temporary_file(Path(".")), temporary_folder(Path(".")) as folder:
    (folder / "half").write_text("half")
    print("ready", flush=True)
    sys.stdin.read()
"""


@pytest.fixture(autouse=True)
def nothing_visited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(temporaries, "_visited", set())


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A process that is writing a file and a folder into `tmp_path`."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-c", HOLDS],
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None and process.stdout.readline() == "ready\n"
        yield process
        process.kill()


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


def test_what_a_living_process_writes_stays(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    write_whole(tmp_path / "file", "text")
    assert len(names(tmp_path)) == 3 and sum(map(is_ours, names(tmp_path))) == 2


def test_what_a_killed_process_left_is_removed(writer: subprocess.Popen[str], tmp_path: Path) -> None:
    writer.send_signal(signal.SIGKILL)
    writer.wait()
    assert len(names(tmp_path)) == 2
    write_whole(tmp_path / "file", "text")
    assert names(tmp_path) == {"file"}


def test_a_persons_files_stay(tmp_path: Path) -> None:
    """Of names that look like ours but for their check, links of a right one, and one of the names before these."""
    (tmp_path / "mine").write_text("mine")
    for name in (f".lama-{'0' * 24}.partial", ".lama-12345678.partial", "file.partial", f"{new_name()}.txt"):
        (tmp_path / name).write_text("mine")
    (tmp_path / new_name()).symlink_to("mine")
    before = names(tmp_path)
    write_whole(tmp_path / "file", "text")
    assert names(tmp_path) == before | {"file"} and (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("there", ["file", "link"])
def test_a_name_that_is_taken_is_neither_written_nor_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, there: str
) -> None:
    taken = f"{new_name()}.taken"
    monkeypatch.setattr(temporaries, "new_name", lambda: taken)
    if there == "link":
        (tmp_path / taken).symlink_to(tmp_path / "mine")
    else:
        (tmp_path / taken).write_text("mine")
    with pytest.raises(LamaDeployError, match="File exists"):
        write_whole(tmp_path / "file", "text")
    assert names(tmp_path) == {taken} and ((tmp_path / taken).is_symlink() or (tmp_path / taken).read_text() == "mine")


def test_one_that_was_taken_for_a_left_over_is_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between its making and its lock another process may have removed it."""
    held, lost = temporaries._is_held, []

    def late(descriptor: int, path: Path) -> bool:
        if not lost:
            path.unlink()
            lost.append(path)
        return held(descriptor, path)

    monkeypatch.setattr(temporaries, "_is_held", late)
    write_whole(tmp_path / "file", "text")
    assert lost and (tmp_path / "file").read_text() == "text" and names(tmp_path) == {"file"}


def test_what_this_process_writes_is_known_for_its_end(tmp_path: Path) -> None:
    with temporary_file(tmp_path), temporary_folder(tmp_path) as folder:
        (folder / "half").touch()
        remove_living()
        assert not names(tmp_path)
    assert not temporaries._living
