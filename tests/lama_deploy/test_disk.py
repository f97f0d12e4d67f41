"""Files appear whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from lama_deploy.disk import appears_whole, write_whole
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
        with appears_whole(file) as temporary:
            temporary.write_text("ha")
            raise trouble

    with pytest.raises(trouble):
        half()
    assert file.read_text() == "old" and list(tmp_path.iterdir()) == [file]


def test_two_writers_do_not_meet(tmp_path: Path) -> None:
    file = tmp_path / "file"
    with appears_whole(file) as first, appears_whole(file) as second:
        first.write_text("first")
        second.write_text("second")
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
