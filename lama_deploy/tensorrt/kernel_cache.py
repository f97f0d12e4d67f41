"""The kernels that TensorRT-RTX compiles when an engine first runs, kept between processes."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from lama_deploy.disk import appears_whole

log = logging.getLogger(__name__)


class RuntimeCacheFile:
    """An IRuntimeCache and its file, which is as good as lost when it cannot be read or written: a log line says so."""

    def __init__(self, cache: Any, path: Path, written: int) -> None:
        self._cache, self._path, self._written = cache, path, written

    @classmethod
    def attached(cls, configs: Sequence[Any], path: Path) -> Self:
        """To the IRuntimeConfigs, with what the file holds; TensorRT-RTX refuses that of another version or GPU."""
        cache, kept = configs[0].create_runtime_cache(), b""
        try:
            kept = path.read_bytes() if path.is_file() else b""
        except OSError as error:
            log.warning("%s cannot be read (%s); kernels are compiled anew", path, error.strerror)
        if kept and not cache.deserialize(kept):
            kept = b""
        taken = [config.set_runtime_cache(cache) for config in configs]
        if not all(taken):
            log.warning("TensorRT-RTX does not take a cache of kernels; it compiles them at every start")
        return cls(cache, path, len(kept))

    def save(self) -> None:
        """Replace the file as a whole if there is more than it holds."""
        content = bytes(self._cache.serialize())
        if len(content) <= self._written:
            return
        self._written = len(content)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with appears_whole(self._path) as stream:
                stream.write(content)
        except OSError as error:
            log.warning("%s cannot be written (%s); the next start compiles kernels again", self._path, error.strerror)
