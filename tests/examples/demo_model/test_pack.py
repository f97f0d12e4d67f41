"""The packed corpus: small, the same bytes for the same corpus, refused where it is not whole, and never trusted."""

import io
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

import pack
from corpus_errors import CorpusError
from lama_deploy.backbones import locate
from packed import TABLE, Sides, unpack
from rehearsal import COUNTS, SIDES, drawn_pack


@pytest.fixture
def packed(tmp_path: Path) -> Path:
    """A pack of drawn pictures; its corpus lies beside it."""
    return drawn_pack(tmp_path)


def rewritten(path: Path, change: Callable[[tarfile.TarInfo, bytes], tuple[tarfile.TarInfo, bytes]]) -> Path:
    """The pack with members changed."""
    data = io.BytesIO()
    with tarfile.open(path) as old, tarfile.open(fileobj=data, mode="w") as new:
        for member in old.getmembers():
            stream = old.extractfile(member)
            assert stream is not None
            info, content = change(member, stream.read())
            info.size = len(content)
            new.addfile(info, io.BytesIO(content))
    path.write_bytes(data.getvalue())
    return path


def test_pack_holds_both_parts_and_their_licences(packed: Path, tmp_path: Path) -> None:
    unpacked = unpack(packed, tmp_path / "laid-out")
    assert unpacked.sides == SIDES and unpacked.networks == {}
    for group, count in COUNTS.items():
        assert len(list((unpacked.folder / group).glob("*.jpg"))) == count
    licences = (unpacked.folder / "LICENCES.tsv").read_bytes()
    assert licences == (packed.parent / "corpus" / "LICENCES.tsv").read_bytes()


def test_pictures_are_cut_to_their_sides_and_not_enlarged(packed: Path, tmp_path: Path) -> None:
    """The drawn ones have 110x80."""
    sides = Sides(train_side=200, held_out_side=96)
    pack.pack(packed.parent / "corpus", tmp_path / "other.pack", sides, 90, ())
    unpacked = unpack(tmp_path / "other.pack", tmp_path / "laid-out")
    assert {Image.open(path).size for path in unpacked.train.rglob("*.jpg")} == {(110, 80)}
    assert {Image.open(path).size for path in unpacked.held_out.rglob("*.jpg")} == {(132, 96)}


def test_same_corpus_gives_the_same_bytes(packed: Path, tmp_path: Path) -> None:
    (tmp_path / "again").mkdir()
    assert drawn_pack(tmp_path / "again").read_bytes() == packed.read_bytes()


def test_pack_cut_short_anywhere_is_refused_in_one_line(packed: Path, tmp_path: Path) -> None:
    """But in the zeros that a tar ends with."""
    whole = packed.read_bytes().rstrip(b"\0")
    for part in range(9):
        packed.write_bytes(whole[: len(whole) * part // 9])
        with pytest.raises(CorpusError, match=str(packed)) as caught:
            unpack(packed, tmp_path / str(part))
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("content", [b"", b"no tar at all", bytes(2048), b"PK\x03\x04" + bytes(600)])
def test_what_is_no_pack_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(CorpusError, match=r"make it with pack\.py$"):
        unpack(tmp_path / "x", tmp_path / "laid-out")
    with pytest.raises(CorpusError, match="cannot be read"):
        unpack(tmp_path / "missing", tmp_path / "laid-out")


HOSTILE = ["../evil.jpg", "/tmp/evil.jpg", "train/photos/../../../evil.jpg", "train/photos/evil.py", "lease.py"]


@pytest.mark.parametrize("name", HOSTILE)
def test_names_that_lead_elsewhere_are_refused(packed: Path, tmp_path: Path, name: str) -> None:
    def change(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if member.name == "train/photos/0.jpg":
            member.name = name
        return member, content.replace(b"train/photos/0.jpg", name.encode()) if member.name == TABLE else content

    with pytest.raises(CorpusError, match="does not belong into a pack"):
        unpack(rewritten(packed, change), tmp_path / "laid-out")
    assert not list(tmp_path.rglob("evil*")) and not Path("/tmp/evil.jpg").exists()


def test_links_and_changed_pictures_are_refused(packed: Path, tmp_path: Path) -> None:
    def link(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        if member.name.startswith("test/"):
            member.type, member.linkname = tarfile.SYMTYPE, "/etc/passwd"
        return member, content

    def spoil(member: tarfile.TarInfo, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
        return member, content[:-1] + b"x" if member.name.startswith("test/") else content

    whole = packed.read_bytes()
    with pytest.raises(CorpusError, match="no plain file"):
        unpack(rewritten(packed, link), tmp_path / "one")
    packed.write_bytes(whole)
    with pytest.raises(CorpusError, match="cut short or damaged"):
        unpack(rewritten(packed, spoil), tmp_path / "two")


def test_pack_that_would_not_travel_is_not_written(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(pack, "LIMIT", 1000)
    monkeypatch.setattr(
        sys, "argv", ["pack.py", str(packed.parent / "corpus"), str(tmp_path / "large"), "--no-networks"]
    )
    assert pack.main() == 2
    error = capsys.readouterr().err
    assert "at most 1,000 travel; lower --side (256) or --quality (90)" in error and error.count("\n") == 1
    assert not (tmp_path / "large").exists()


def test_corpus_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CorpusError, match="no list of licences"):
        pack.pack(tmp_path, tmp_path / "x", SIDES, 90, ())


def test_networks_travel_in_half_precision_where_they_fit_it(
    packed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    state = {"a": torch.tensor([0.1, 2.0]), "b": torch.tensor([1e6]), "c": torch.tensor(3)}
    torch.save(state, tmp_path / "net.pth")
    monkeypatch.setattr(locate, "find_backbone", lambda name: tmp_path / "net.pth")
    pack.pack(packed.parent / "corpus", tmp_path / "with.pack", SIDES, 90, ["st-lpips-alex"])
    networks = unpack(tmp_path / "with.pack", tmp_path / "laid-out").networks
    found = torch.load(networks["st-lpips-alex"], weights_only=True)
    assert {key: tensor.dtype for key, tensor in found.items()} == {
        "a": torch.float16,
        "b": torch.float32,
        "c": torch.int64,
    }
