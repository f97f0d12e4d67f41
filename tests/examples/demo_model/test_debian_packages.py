"""Debian packages: found or asked for, read with the archives in them, refused when damaged."""

import io
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from corpus_errors import CorpusError
from debian_packages import find_packages, read_package


def everything(path: str) -> bool:
    return True


def zipped(files: dict[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def test_missing_packages_come_with_the_command(tmp_path: Path) -> None:
    (tmp_path / "moss_1_all.deb").touch()
    with pytest.raises(CorpusError, match=r"2 of 3 packages are missing; .*apt-get download fern bark-16\.04$"):
        find_packages(tmp_path, ["fern", "moss", "bark-16.04"])


def test_packages_are_found_by_name_and_must_be_one_each(tmp_path: Path) -> None:
    for name in ("moss_1_all.deb", "moss-extra_1_all.deb"):
        (tmp_path / name).touch()
    assert find_packages(tmp_path, ["moss"]) == {"moss": tmp_path / "moss_1_all.deb"}
    (tmp_path / "moss_2_all.deb").touch()
    with pytest.raises(CorpusError, match=r"leave one of moss_1_all\.deb, moss_2_all\.deb"):
        find_packages(tmp_path, ["moss"])


def test_files_in_archives_have_both_paths(deb: Callable[..., Path], rcc: Callable[..., bytes]) -> None:
    files = {"usr/a.txt": b"a", "usr/b.rcc": rcc({"in/b.txt": b"b"}), "usr/c.pk3": zipped({"in/c.txt": b"c"})}
    package = read_package(deb("moss", files), everything)
    assert (package.name, package.version) == ("moss", "4:1.0-2")
    assert package.files == {"usr/a.txt": b"a", "usr/b.rcc:in/b.txt": b"b", "usr/c.pk3:in/c.txt": b"c"}


def test_only_what_is_wanted_is_kept(deb: Callable[..., Path]) -> None:
    path = deb("moss", {"usr/a.txt": b"a", "usr/b.txt": b"b", "usr/c.pk3": zipped({"d.txt": b"d"})})
    assert set(read_package(path, lambda file: file.endswith("b.txt")).files) == {"usr/b.txt"}


@pytest.mark.parametrize("share", [0, 0.001, 0.02, 0.5, 0.9])
def test_truncated_packages_are_refused(deb: Callable[..., Path], share: float) -> None:
    path = deb("moss", {"usr/a": bytes(range(256)) * 40})
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(CorpusError, match=r"^.*moss_1\.0-2_all\.deb: "):
        read_package(path, everything)


@pytest.mark.parametrize(("name", "message"), [("a.rcc", "no Qt resource file"), ("a.pk3", "not a whole")])
def test_damaged_archives_are_refused(deb: Callable[..., Path], name: str, message: str) -> None:
    with pytest.raises(CorpusError, match=message):
        read_package(deb("moss", {name: b"no archive"}), everything)
