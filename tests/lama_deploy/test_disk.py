"""Files appear whole or not at all."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from lama_deploy.disk import appears_whole, require_place, require_writable, write_whole
from lama_deploy.errors import LamaDeployError


def test_text_takes_the_old_files_place(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    write_whole(file, "Gr\u00fc\u00dfe\n")
    assert file.read_bytes() == "Gr\u00fc\u00dfe\n".encode()
    assert list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("trouble", [ValueError, OSError, KeyboardInterrupt])
def test_trouble_leaves_what_was_there(tmp_path: Path, trouble: type[BaseException]) -> None:
    file = tmp_path / "file"
    file.write_text("old")

    def half() -> None:
        with appears_whole(file) as stream:
            stream.write(b"ha")
            raise trouble

    with pytest.raises(trouble):
        half()
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with appears_whole(file) as first, appears_whole(file) as second:
        first.write(b"first")
        second.write(b"second")
        assert not file.exists()
    assert file.read_text() == "first" and list(tmp_path.iterdir()) == [file]


def test_permissions_are_those_of_any_file(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    write_whole(tmp_path / "whole", "")
    assert (tmp_path / "whole").stat().st_mode == (tmp_path / "plain").stat().st_mode


@pytest.mark.parametrize(("name", "reason"), [("none/file", "No such file"), ("file/below", "Not a directory")])
def test_a_disk_that_refuses_is_one_line(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(LamaDeployError, match=rf"{name}: cannot be written \({reason}"):
        write_whole(tmp_path / name, "text")


def test_the_longest_name(tmp_path: Path) -> None:
    file = tmp_path / ("n" * 254)
    write_whole(file, "text")
    assert file.read_text() == "text" and list(tmp_path.iterdir()) == [file]


def test_an_old_file_keeps_its_permissions(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    file.chmod(0o640)
    with appears_whole(file) as stream:
        (temporary,) = set(tmp_path.iterdir()) - {file}
        assert temporary.stat().st_mode & 0o777 == 0o640  # from the first byte on
        stream.write(b"text")
    assert file.stat().st_mode & 0o777 == 0o640 and file.read_text() == "text"


def test_an_old_file_that_may_not_be_written_stays(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "file"
    file.write_text("old")
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # the tests may run as root, who may all
    with pytest.raises(LamaDeployError, match="Permission denied"):
        write_whole(file, "new")
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


@pytest.mark.parametrize("old", ["old", None])
def test_a_link_is_followed_and_stays(tmp_path: Path, old: str | None) -> None:
    (tmp_path / "elsewhere").mkdir()
    target, link = tmp_path / "elsewhere" / "target", tmp_path / "link"
    if old is not None:
        target.write_text(old)
    link.symlink_to("elsewhere/target")
    write_whole(link, "text")
    assert link.is_symlink() and target.read_text() == "text" and list(target.parent.iterdir()) == [target]


def test_a_link_to_itself_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("link")
    with pytest.raises(LamaDeployError, match="cannot be written"):
        write_whole(tmp_path / "link", "text")
    assert (tmp_path / "link").is_symlink()


def test_what_is_no_file_on_a_disk_is_written_to(tmp_path: Path) -> None:
    pipe, read = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = Thread(target=lambda: read.append(pipe.read_text()), daemon=True)
    reader.start()
    write_whole(pipe, "text")
    reader.join(10)
    assert read == ["text"] and pipe.is_fifo()


@pytest.fixture
def full_device(tmp_path: Path) -> Path:
    """/dev/full, or for root one like it: a broken writer would put a file in the place of the machine's own."""
    if os.geteuid() != 0:
        return Path("/dev/full")
    try:
        os.mknod(tmp_path / "full", stat.S_IFCHR | 0o666, os.makedev(1, 7))
        (tmp_path / "full").open("wb").close()
    except OSError:
        pytest.skip("no devices can be made here")
    return tmp_path / "full"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_a_full_device_is_one_line(full_device: Path) -> None:
    with pytest.raises(LamaDeployError, match=r"full: cannot be written \(No space left"):
        write_whole(full_device, "text")
    assert full_device.is_char_device()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no /proc here")
def test_standard_output_may_be_a_file(tmp_path: Path) -> None:
    """By the name that /dev/stdout is a link to; in /proc nothing can be replaced by a writer that is broken."""
    program = "from lama_deploy.disk import write_whole; print('a', flush=True); write_whole('/proc/self/fd/1', 'b')"
    with (tmp_path / "out").open("ab") as out:
        subprocess.run([sys.executable, "-c", program], stdout=out, check=True, cwd=Path(__file__).parents[2])
    assert (tmp_path / "out").read_text() == "a\nb" and [path.name for path in tmp_path.iterdir()] == ["out"]


FULL = """
import resource
from pathlib import Path
from lama_deploy.disk import write_whole
from lama_deploy.errors import LamaDeployError
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
try:
    write_whole("file", "x" * 100_000)
except LamaDeployError as error:
    print(error)
"""


def test_a_disk_that_fills_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("old")
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])}
    done = subprocess.run(
        [sys.executable, "-c", FULL], cwd=tmp_path, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("file: cannot be written (File too large)") and done.stdout.count("\n") == 1
    assert (tmp_path / "file").read_text() == "old" and len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize(
    ("name", "reason"), [("n" * 256, "File name too long"), ("", "(?i)is a directory"), ("no/f", "No such")]
)
def test_a_bad_place_is_known_before_the_work(tmp_path: Path, name: str, reason: str) -> None:
    with pytest.raises(LamaDeployError, match=reason):
        require_writable(tmp_path / name)
    require_writable(tmp_path / "good")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["new.png", "new/folders/new.png"])
def test_a_place_for_a_file_is_tried_and_left_as_it_was(tmp_path, name):
    require_place(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_a_place_that_takes_no_file_is_refused_before_the_work():
    with pytest.raises(LamaDeployError, match="cannot be written"):
        require_place("/proc/no-such-folder/new.png")
