"""Timings of kernels, kept between builds. TensorRT-RTX times nothing when it builds, so it has none."""

from __future__ import annotations

import logging
import re
from contextlib import suppress
from pathlib import Path
from typing import Any

from lama_deploy.cache import kept_in_cache
from lama_deploy.disk import appears_whole
from lama_deploy.errors import brief
from lama_export.tensorrt.capabilities import this_gpu

log = logging.getLogger(__name__)


def timing_cache_path(trt: Any, target: str, named: Path | None) -> Path | None:
    """The file that was named, else one for each version and GPU: timings of another one are worth nothing.

    None for TensorRT-RTX, and where there is no cache.
    """
    if target != "trt" or named is not None:
        return named
    gpu = this_gpu()
    name = f"{trt.__name__}-{trt.__version__}-{gpu['name'] if gpu else 'unknown'}.timings"
    return kept_in_cache("tensorrt", re.sub(r"[^\w.-]+", "_", name))


def load_timings(config: Any, path: Path) -> Any:
    """Give the builder the file's timings, or an empty cache where there are none that it takes; return the cache."""
    kept = b""
    with suppress(OSError):  # what cannot be read costs time
        kept = path.read_bytes()
    cache = config.create_timing_cache(kept)
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def save_timings(cache: Any, path: Path) -> None:
    """Replace the file as a whole; a log line says it where that cannot be, whatever the reason: the engine, which is
    built, is no worse for it.
    """
    try:
        content = bytes(cache.serialize())
        path.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(path) as stream:
            stream.write(content)
    except Exception as error:  # TensorRT's too
        reason = getattr(error, "strerror", None) or brief(error)
        log.warning("%s cannot be written (%s); the next build times kernels again", path, reason)
