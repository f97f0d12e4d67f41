"""The objects of a build, let go in the order that TensorRT's headers ask for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from traceback import clear_frames
from typing import Any


@dataclass
class Parts:
    """In the order in which they go.

    A config and a network go before their builder (NvInfer.h, IBuilder::createBuilderConfig, createNetworkV2); a parser
    after its network, whose weights lie in it (NvInferRuntime.h, Weights: "held by reference until the engine has been
    built"; NvOnnxParser.h, loadInitializer); a timing cache after all builders that use it (NvInfer.h,
    IBuilderConfig::createTimingCache); a progress monitor after all that use it (NvInfer.h, IProgressMonitor).
    """

    config: Any = None
    network: Any = None
    parser: Any = None
    builder: Any = None
    cache: Any = None
    monitor: Any = None

    def let_go(self) -> None:
        for name in ("config", "network", "parser", "builder", "cache", "monitor"):
            setattr(self, name, None)


@contextmanager
def parts() -> Iterator[Parts]:
    """They live as long as the block, and no longer where it fails: the frames of a traceback would keep them."""
    held = Parts()
    try:
        yield held
    except BaseException as error:
        clear_frames(error.__traceback__)
        raise
    finally:
        held.let_go()
