"""What one service allows and how long it takes over it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from lama_deploy.images.opening import MAX_PIXELS

MIB = 2**20
MAX_BYTES = 128 * MIB  # image and mask of a request together; a photograph of 24 megapixels and 16 bits has 70 MB
MAX_JSON = 16 * MIB  # Python makes some eight bytes of each of a number in JSON, and more of them than of binary data
QUEUE = 32
DEADLINE = 120.0  # seconds
HELD_BODIES = 4  # times max_bytes: of the bodies of all requests together, which lie in temporary files


@dataclass(frozen=True, kw_only=True)
class ServiceOptions:
    """token: a bearer token that requests must have; None: none. origins: of other sites' pages that may ask.

    max_bytes: of a request's body. max_pixels: of a picture. queue: requests that are accepted at the same time,
    whether they wait or are worked on. deadline: seconds from a request's first byte to its answer.
    batch: pictures that a thread takes at once; None: as many as the engine runs better together than one by one.
    batch_wait: seconds that it waits for more of them. page: the folder of the page; None: no page.
    local: it listens at a loopback address, so that names other than localhost do not lead to it.
    """

    token: str | None = None
    origins: tuple[str, ...] = ()
    max_bytes: int = MAX_BYTES
    max_pixels: int = MAX_PIXELS
    queue: int = QUEUE
    deadline: float = DEADLINE
    batch: int | None = None
    batch_wait: float = 0.0
    page: Path | None = None
    local: bool = False
