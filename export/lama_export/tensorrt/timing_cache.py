"""Timings of kernels, kept between builds. TensorRT-RTX times nothing when it builds, so it has none."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from lama_deploy.cache import cache_directory
from lama_deploy.disk import appears_whole
from lama_export.tensorrt.capabilities import this_gpu


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


def timing_cache_path(trt: Any) -> Path:
    """One file for each version and GPU: timings of another one are worth nothing."""
    gpu = this_gpu()
    name = f"{trt.__name__}-{trt.__version__}-{gpu['name'] if gpu else 'unknown'}.timings"
    return cache_directory() / "tensorrt" / re.sub(r"[^\w.-]+", "_", name)


def load_timings(config: Any, path: Path) -> Any:
    """Give the builder the file's timings, or an empty cache where there are none that it takes; return the cache."""
    cache = config.create_timing_cache(path.read_bytes() if path.is_file() else b"")
    if cache is None or not config.set_timing_cache(cache, ignore_mismatch=False):
        cache = config.create_timing_cache(b"")
        config.set_timing_cache(cache, ignore_mismatch=False)
    return cache


def save_timings(cache: Any, path: Path) -> None:
    """Replace the file as a whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with appears_whole(path) as stream:
        stream.write(cache.serialize())
