"""Puts the example's modules on the path, and makes the package formats they read by hand."""

import io
import lzma
import struct
import sys
import tarfile
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from PIL import Image

sys.path.insert(0, str(Path(__file__).parents[3] / "examples" / "demo_model"))

Rcc = Callable[..., bytes]
Deb = Callable[..., Path]
DIRECTORY = 2


@pytest.fixture
def rcc() -> Rcc:
    """(files by path) -> a Qt resource file of format 3; with `flags` 1 its entries are compressed by zlib."""
    return _rcc


@pytest.fixture
def deb(tmp_path: Path) -> Deb:
    """(name, files by path) -> a .deb in `folder`, as bookworm's are: tars compressed by xz."""

    def write(name: str, files: Mapping[str, bytes], folder: Path = tmp_path) -> Path:
        control = f"Package: {name}\nVersion: 4:1.0-2\nDescription: a\n longer: one\n".encode()
        members = {
            "debian-binary": b"2.0\n",
            "control.tar.xz": _tar({"control": control}),
            "data.tar.xz": _tar(files),
        }
        path = folder / f"{name}_1.0-2_all.deb"
        path.write_bytes(b"!<arch>\n" + b"".join(_ar_member(name, data) for name, data in members.items()))
        return path

    return write


@pytest.fixture
def picture() -> Callable[..., bytes]:
    """A gradient in an image format, `mode` and size of choice."""

    def draw(size: tuple[int, int] = (1024, 16), kind: str = "WEBP", mode: str = "RGB") -> bytes:
        stream = io.BytesIO()
        Image.linear_gradient("L").resize(size).convert(mode).save(stream, kind)
        return stream.getvalue()

    return draw


def _rcc(files: Mapping[str, bytes], flags: int = 0) -> bytes:
    root: dict = {}
    for path, content in files.items():
        *folders, name = path.split("/")
        folder = root
        for part in folders:
            folder = folder.setdefault(part, {})
        folder[name] = content
    nodes, names, contents = [("", root)], b"", b""
    tree = b""
    for name, node in nodes:  # breadth first: what is appended below comes up later
        name_offset, names = len(names), names + _name(name)
        if isinstance(node, dict):
            tree += struct.pack(">IHIIQ", name_offset, DIRECTORY, len(node), len(nodes), 0)
            nodes += node.items()
        else:
            tree += struct.pack(">IHIIQ", name_offset, flags, 0, len(contents), 0)
            stored = struct.pack(">I", len(node)) + zlib.compress(node) if flags else node
            contents += struct.pack(">I", len(stored)) + stored
    start = 24
    header = struct.pack(">4s5I", b"qres", 3, start, start + len(tree), start + len(tree) + len(contents), 0)
    return header + tree + contents + names


def _name(name: str) -> bytes:
    return struct.pack(">HI", len(name), 0) + name.encode("utf-16-be")


def _tar(files: Mapping[str, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as tar:
        for path, content in files.items():
            member = tarfile.TarInfo(f"./{path}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return lzma.compress(stream.getvalue())


def _ar_member(name: str, data: bytes) -> bytes:
    header = f"{name:<16}{0:<12}{0:<6}{0:<6}{100644:<8}{len(data):<10}`\n"
    return header.encode() + data + b"\n" * (len(data) % 2)
