"""What a LiteRT file says of itself, read before its interpreter is: that one trusts what it is given."""

from __future__ import annotations

import struct
from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from lama_deploy.errors import BundleError

IDENTIFIER = b"TFL3"  # behind the first four bytes
MOST_PROPERTIES, MOST_BYTES = 100, 1000  # of a file's metadata that is read


def checked_content(path: Path) -> bytes:
    """Raises BundleError for what cannot be read, and for what is no LiteRT file."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror})") from error
    if content[4:8] != IDENTIFIER:
        raise BundleError(f"{path}: no LiteRT model; make one with lama-export --to litert")
    return content


def properties_of(path: Path, content: bytes) -> dict[str, str]:
    """Its metadata that are text. Raises BundleError for a damaged file."""
    try:
        return dict(_properties(schema.Model.GetRootAs(content)))
    except (struct.error, IndexError, TypeError, ValueError, AttributeError) as error:
        raise BundleError(f"{path}: damaged ({type(error).__name__} in its metadata); export it again") from error


def _properties(model: schema.Model) -> list[tuple[str, str]]:
    found = []
    for number in range(min(model.MetadataLength(), MOST_PROPERTIES)):
        entry = model.Metadata(number)
        buffer = model.Buffers(entry.Buffer())
        if 0 < buffer.DataLength() <= MOST_BYTES:
            found.append((entry.Name().decode(), buffer.DataAsNumpy().tobytes().decode(errors="replace")))
    return found
