"""Files of weights that are known: their names, and SHA-256 in hex."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

DEMO = "lama-demo"
# Of what ships: examples/demo_model/ship.py prints another one where it writes another file.
DEMO_SHA256 = "6a01d20f97f75d4473a2b4b50e09bf7f89ccb0660e3e403ed72abc20fca01f03"


@dataclass(frozen=True)
class PublishedWeights:
    """A file on the web, pinned by its SHA-256."""

    file_name: str
    url: str
    sha256: str


# The TorchScript file that IOPaint and simple-lama-inpainting download: official big-lama, 205,669,692 bytes.
PUBLISHED: Mapping[str, PublishedWeights] = {
    "big-lama": PublishedWeights(
        file_name="big-lama.pt",
        url="https://github.com/Sanster/models/releases/download/add_big_lama/big-lama.pt",
        sha256="344c77bbcb158f17dd143070d1e789f38a66c04202311ae3a258ef66667a9ea9",
    )
}
KNOWN = {DEMO_SHA256, *(published.sha256 for published in PUBLISHED.values())}
