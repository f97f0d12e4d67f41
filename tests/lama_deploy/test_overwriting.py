"""What is there already stays, for every command, unless it is asked to go."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from lama_deploy.errors import LamaDeployError
from lama_deploy.overwriting import require_apart, require_free, taken


def test_only_what_holds_something_is_taken(tmp_path: Path) -> None:
    for name in ("file", "folder/inside"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text("x")
    (tmp_path / "empty").touch()
    (tmp_path / "bare").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "circle").symlink_to("circle")
    names = ["file", "folder", "link", "empty", "bare", "pipe", "circle", "none", "file/below", "n" * 300]
    assert [path.name for path in taken(tmp_path / name for name in names)] == ["file", "folder", "link"]
    with (tmp_path / "file").open("a") as stream:  # as standard output may be: what is written there is added
        assert not taken(["/dev/stdout", "/dev/null", f"/proc/self/fd/{stream.fileno()}"])


def test_the_refusal_says_what_to_do(tmp_path: Path) -> None:
    files = [tmp_path / str(n) for n in range(3)]
    require_free(files)
    for file in files[1:]:
        file.write_text("x")
    with pytest.raises(LamaDeployError, match=r"/1, and 1 more .*: exist already .*; give another name, or --overwr"):
        require_free(files)
    with pytest.raises(LamaDeployError, match=r"/2: exists already and would be replaced; give another -o, or --over"):
        require_free(files[2:], otherwise="give another -o")
    require_free(files, overwrite=True)


@pytest.mark.parametrize("output", ["in", "in/results", "link", "link/results", "in/../in"])
def test_results_stay_out_of_the_input(tmp_path: Path, output: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "link").symlink_to("in")
    for inside in (False,) if output.endswith("results") else (False, True):
        with pytest.raises(LamaDeployError, match=r"--out .*: is or lies in .*/in, whose files are the input"):
            require_apart(tmp_path / output, [tmp_path / "in"], "--out", inside=inside)
    require_apart(tmp_path / "in" / "results", [tmp_path / "in"], "--out", inside=True)
    for other in (tmp_path / "other", tmp_path, tmp_path / "inn"):
        require_apart(other, [tmp_path / "in"], "--out")
