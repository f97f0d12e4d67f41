"""The command as a whole, on a package with three photographs: what it writes, twice the same, and how it fails."""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from PIL import Image

import build_corpus
from records import read_records
from sources import SOURCES

NAME = "gcompris-qt-data"
PREFIX = "usr/share/gcompris-qt/rcc"
README = "\n\n".join(f"Files: {name}.webp\nLicense: CC0-1.0\nCopyright: Ada" for name in ("bee", "small"))
MONUMENTS = "Files:\nwonders/petra.webp\nCopyright: Bo <bo@example.org>\nLicense: CC-BY-SA 4.0\nSource: https://a.b/c\n"
WRITTEN = ["LICENCES.tsv", "test/erase_bee.jpg", "train/photos/explore_monuments_petra.jpg"]


@pytest.fixture
def packages(
    tmp_path: Path, deb: Callable[..., Path], rcc: Callable[..., bytes], picture: Callable[..., bytes]
) -> Path:
    """A directory with one .deb: a test photograph, one too small, a monument, and one that no README names."""
    erase = {"a/README": README.encode(), "a/bee.webp": picture((2400, 60)), "a/small.webp": picture((1023, 16))}
    monuments = {"b/README": MONUMENTS.encode(), "b/wonders/petra.webp": picture(), "b/orphan.webp": picture()}
    folder = tmp_path / "packages"
    folder.mkdir()
    deb(NAME, {f"{PREFIX}/erase.rcc": rcc(erase), f"{PREFIX}/explore_monuments.rcc": rcc(monuments)}, folder)
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """The command, for which there is only the one package."""
    monkeypatch.setattr(build_corpus, "PACKAGES", (NAME,))
    monkeypatch.setattr(build_corpus, "SOURCES", [source for source in SOURCES if source.package == NAME])

    def main(*arguments: str | Path) -> int:
        monkeypatch.setattr(sys, "argv", ["build_corpus.py", *map(str, arguments)])
        return build_corpus.main()

    return main


def files_below(folder: Path) -> Sequence[str]:
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def test_pictures_and_their_licences(
    run: Callable[..., int], packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    corpus = tmp_path / "new" / "corpus"
    assert run(corpus, "--packages", packages) == 0
    assert files_below(corpus.parent) == [f"corpus/{path}" for path in WRITTEN]
    assert Image.open(corpus / "test/erase_bee.jpg").size == (2048, 51)
    bee, petra = read_records(corpus)
    assert (bee.path, bee.licence, bee.version) == (WRITTEN[1], "CC0-1.0", "4:1.0-2")
    assert petra.file == f"{PREFIX}/explore_monuments.rcc:b/wonders/petra.webp"
    assert (petra.licence, petra.source) == ("CC-BY-SA-4.0", "https://a.b/c")
    output = capsys.readouterr()
    assert "orphan.webp" in output.err and "small.webp" not in output.err
    assert output.out == f"wrote {corpus}: 1 test, 1 train/photos\n"


def test_the_same_packages_give_the_same_bytes(run: Callable[..., int], packages: Path, tmp_path: Path) -> None:
    for name in ("one", "two"):
        assert run(tmp_path / name, "--packages", packages) == 0
    for path in WRITTEN:
        assert (tmp_path / "one" / path).read_bytes() == (tmp_path / "two" / path).read_bytes()


def test_the_card_counts_training_images_only(run: Callable[..., int], packages: Path, tmp_path: Path) -> None:
    card = tmp_path / "card.md"
    assert run(tmp_path / "corpus", "--packages", packages) == 0
    assert run(tmp_path / "corpus", "--card", card) == 0
    text = card.read_text()
    assert "| gcompris-qt-data | 4:1.0-2 | photos | 1 | 1 CC-BY-SA-4.0 |" in text
    assert "| CC-BY-SA-4.0 | Bo | gcompris-qt-data | 1 |" in text
    assert "CC0" not in text


def test_missing_packages_are_one_line(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path / "corpus", "--packages", tmp_path) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1 and error.endswith(f"apt-get download {NAME}\n")


def test_a_failed_build_leaves_nothing(
    run: Callable[..., int],
    deb: Callable[..., Path],
    rcc: Callable[..., bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = deb(NAME, {f"{PREFIX}/explore_monuments.rcc": rcc({"a/x.webp": b"no picture"})})
    assert run(tmp_path / "corpus", "--packages", tmp_path) == 2
    assert "x.webp: not a picture" in capsys.readouterr().err
    assert files_below(tmp_path) == [path.name] and not (tmp_path / "corpus").exists()


def test_an_unexpected_version_of_a_package_is_reported(
    run: Callable[..., int], deb: Callable[..., Path], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    deb(NAME, {"usr/other": b""})
    assert run(tmp_path / "corpus", "--packages", tmp_path) == 2
    assert "nothing for train/photos in it" in capsys.readouterr().err


def test_a_corpus_is_never_overwritten(
    run: Callable[..., int], packages: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(tmp_path, "--packages", packages) == 2
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize("text", [None, "", "a\tb\n"])
def test_a_card_needs_the_list_of_licences(
    run: Callable[..., int], tmp_path: Path, text: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    if text is not None:
        (tmp_path / "LICENCES.tsv").write_text(text)
    assert run(tmp_path, "--card", tmp_path / "card.md") == 2
    assert "LICENCES.tsv: no list of licences" in capsys.readouterr().err


def test_nothing_to_do_is_an_error(run: Callable[..., int], tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match="2"):
        run(tmp_path)


def test_two_files_of_one_name_are_refused(
    run: Callable[..., int],
    deb: Callable[..., Path],
    rcc: Callable[..., bytes],
    picture: Callable[..., bytes],
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    deb(NAME, {f"{PREFIX}/explore_monuments.rcc": rcc({"a/x.webp": picture(), "b/x.webp": picture()})})
    assert run(tmp_path / "corpus", "--packages", tmp_path) == 2
    assert "would both be written as explore_monuments_x.jpg" in capsys.readouterr().err
