"""Timings of kernels, kept between builds. TensorRT-RTX times nothing when it builds, so it has none."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from lama_deploy.cache import kept_in_cache
from lama_deploy.disk import appears_whole
from lama_export.tensorrt.capabilities import this_gpu

log = logging.getLogger(__name__)


@contextmanager
def kept_timings(trt: Any, target: str, config: Any) -> Iterator[None]:
    """Build in this context with the timings of earlier builds; what it adds is written when the block succeeds."""
    if target != "trt":
        yield
        return
    path = timing_cache_path(trt)
    cache = load_timings(config, path)  # which has to live as long as the build
    yield
    save_timings(cache, path)


def timing_cache_path(trt: Any) -> Path | None:
    """One file for each version and GPU: timings of another one are worth nothing. None where there is no cache."""
    gpu = this_gpu()
    name = f"{trt.__name__}-{trt.__version__}-{gpu['name'] if gpu else 'unknown'}.timings"
    return kept_in_cache("tensorrt", re.sub(r"[^\w.-]+", "_", name))


def load_timings(config: Any, path: Path | None) -> Any:
    """Give the builder the file's timings, or an empty cache where there are none that it takes; return the cache."""
    kept = b""
    with suppress(OSError):  # what cannot be read costs time
        kept = path.read_bytes() if path is not None else b""
    cache = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def save_timings(cache: Any, path: Path | None) -> None:
    """Replace the file as a whole; a log line says it where that cannot be, for the engine is no worse for it."""
    if path is None:
        return
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(path) as stream:
            stream.write(cache.serialize())
    except OSError as error:
        log.warning("%s cannot be written (%s); the next build times kernels again", path, error.strerror)
