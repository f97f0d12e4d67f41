"""Qt resource files: names, folders and both kinds of entry; damaged ones end in one line."""

import struct
from collections.abc import Callable

import pytest

from corpus_errors import CorpusError
from qt_resources import read_resources

FILES = {"gcompris/README": b"by whom", "gcompris/a/bee.webp": b"b" * 300, "gcompris/a/\u00e9t\u00e9.webp": b""}
FIRST_CHILD = 24 + 22  # after the header and the root: the directory "gcompris"


def everything(path: str) -> bool:
    return True


def content(data: bytes, wanted: Callable[[str], bool] = everything) -> dict[str, bytes]:
    return dict(read_resources(data, wanted, "some.rcc"))


@pytest.mark.parametrize("flags", [0, 1])
def test_plain_and_zlib_entries(rcc: Callable[..., bytes], flags: int) -> None:
    assert content(rcc(FILES, flags)) == FILES


def test_only_what_is_wanted_is_read(rcc: Callable[..., bytes]) -> None:
    zstd = rcc(FILES, flags=4)
    assert content(zstd, lambda path: False) == {}
    with pytest.raises(CorpusError, match=r"some\.rcc: .*zstd"):
        content(zstd)


@pytest.mark.parametrize("flags", [0, 1])
def test_every_truncation_is_reported(rcc: Callable[..., bytes], flags: int) -> None:
    whole = rcc(FILES, flags)
    for length in range(len(whole)):
        with pytest.raises(CorpusError, match=r"^some\.rcc: "):
            content(whole[:length])


@pytest.mark.parametrize(
    ("offset", "patch", "message"),
    [
        (0, b"QRES", "does not start with 'qres'"),
        (4, struct.pack(">I", 9), "format 9 is unknown"),
        (FIRST_CHILD + 10, struct.pack(">I", 0), "a directory before its parent"),
    ],
)
def test_what_is_wrong_is_named(rcc: Callable[..., bytes], offset: int, patch: bytes, message: str) -> None:
    whole = rcc(FILES)
    with pytest.raises(CorpusError, match=message):
        content(whole[:offset] + patch + whole[offset + len(patch) :])
