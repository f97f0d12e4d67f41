"""TensorRT and TensorRT-RTX engines on an NVIDIA GPU, with no other framework: CUDA by cuda-python."""

from __future__ import annotations

import os
import weakref
from pathlib import Path
from typing import Any, get_args

from cuda.bindings import driver

from lama_deploy.arrays import Array
from lama_deploy.cache import kept_in_cache
from lama_deploy.errors import ImageError, LamaDeployError
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.runtime.devices import parse_device
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.shapes import Shape, described, fitting
from lama_deploy.tensorrt.context import Kernels, runtime_config
from lama_deploy.tensorrt.cuda_driver import Cuda
from lama_deploy.tensorrt.device_arrays import DeviceCall
from lama_deploy.tensorrt.engine import open_engine
from lama_deploy.tensorrt.profiles import EngineProfile
from lama_deploy.tensorrt.session import Session

GRAPHS = 8  # shapes that keep buffers and a graph
ALIGNMENT = 256  # of addresses that are given to TensorRT as they are


class TensorRtBackend:
    """The `model.engine` of a bundle. Calls from several threads are safe.

    device: "cuda", "cuda:N"; None for the CUDA context that is current (torch's, PyCUDA's), else the first GPU's.
    streams: pictures computed at the same time, each with contexts and scratch memory of its own. graphs: how many
    shapes keep a CUDA graph; 0: none. With TensorRT-RTX each of these takes the memory of the largest shape, as far as
    there is plenty. plugin: library with SpectralConv, or liblama_spectral, for engines that need one; None for the
    bundle's, or this package's own. kernels: when TensorRT-RTX compiles for a shape: "lazy", "eager" or "none" (always
    general ones). cache: a folder for what it compiles; None for the user's cache, "" for none. check: that the file is
    the one that bundle.json names, which whoever opens the whole bundle has done. threads: of no meaning here.
    """

    name = "tensorrt"
    device = "cuda"

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | None = None,
        threads: int | None = None,
        streams: int = 1,
        graphs: int = GRAPHS,
        plugin: str | os.PathLike[str] | None = None,
        kernels: Kernels = "lazy",
        cache: str | os.PathLike[str] | None = None,
        check: bool = True,
    ) -> None:
        _check_options(streams, graphs, kernels)
        self._cuda = Cuda(driver, _ordinal(device))
        self._graphs = graphs
        with self._cuda.current():
            named, gpu = Path(plugin) if plugin else None, self._cuda.device()
            opened = open_engine(Path(model), named, check=check, gpu=gpu)
            self._io, self._profiles = opened.io, opened.profiles
            folder = None if cache == "" else Path(cache) if cache else kept_in_cache("tensorrt")
            file = folder and folder / f"{opened.sha256[:16]}.kernels"
            config = runtime_config(opened, kernels=kernels, graphs=graphs > 0, cache=file)
            self._session = Session(opened, config, self._cuda)
            weakref.finalize(self, self._session.close)
            for _ in range(streams):
                self._session.add_lane(graphs=graphs)
        self.capabilities = Capabilities(
            shapes=opened.profiles,
            workers=streams + 1,  # one reads or writes pictures while the others wait for theirs
            settles_after=streams * _runs_to_settle(graphs, opened.is_rtx),
            on_device=True,
        )

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run. Raises ImageError for a shape that no profile takes, EngineError, DeviceMemoryError."""
        shape: Shape = (masks.shape[0], masks.shape[1], masks.shape[2])
        profile = self._profile_for(shape, "an Inpainter pads and splits pictures")
        floats = self._io == "float"
        image, mask = unit_planes(images, masks) if floats else (images, masks)
        with engine_failures("TensorRT", shape), self._cuda.current(), self._session.lane() as lane:
            result, new = lane.run(profile, image, mask)
            if new:
                self._session.save_kernels()
        return result.transpose(0, 2, 3, 1) if floats else result

    def inpaint_on_device(self, image: Any, mask: Any, stream: Any = None) -> Any:
        """Arrays on the GPU in, one of the image's kind out, in the order of `stream`, which nothing waits for.

        image, mask, stream, errors: `device_arrays.DeviceCall`. Raises ImageError for a shape that no profile takes.
        """
        with self._cuda.current():
            call = DeviceCall.of(image, mask, self._io, self._cuda, stream)
            remedy = "arrays on the GPU are neither padded nor split: give them from the host"
            profile = self._profile_for(call.shape, remedy)
            with self._session.lane() as lane:
                try:
                    for one in call.after:
                        lane.follow(one)
                    in_place = not self._graphs and all(block.address % ALIGNMENT == 0 for block in call.blocks)
                    (lane.run_in_place if in_place else lane.run_on_device)(profile, *call.blocks)
                    lane.precede(call.stream)
                except Exception:
                    lane.settle()
                    raise
        return call.result()

    def _profile_for(self, shape: Shape, remedy: str) -> EngineProfile:
        """The tightest that takes the shape. Raises ImageError, with what to do besides another export."""
        profile, part = fitting(self._profiles, shape)
        if part != shape:
            n, h, w = shape
            taken = described(self._profiles)
            raise ImageError(
                f"the engine takes {taken}, not {n} of {h}x{w}; {remedy}, or export with a --profile for this"
            )
        return profile


def _runs_to_settle(graphs: int, rtx: bool) -> int:
    """On each stream: as any shape, in a context of its own, which is captured then or, by TensorRT-RTX, later."""
    return 1 if not graphs else 3 if rtx else 2


def _ordinal(device: str | None) -> int | None:
    found = parse_device(device, ("cuda",), "an engine of TensorRT")
    return None if found is None else found.index or 0


def _check_options(streams: int, graphs: int, kernels: str) -> None:
    if streams < 1 or graphs < 0:
        raise LamaDeployError(f"streams is {streams}, graphs {graphs}; allowed: streams from 1, graphs from 0")
    if kernels not in get_args(Kernels):
        raise LamaDeployError(f"kernels is {kernels!r}; allowed: {', '.join(get_args(Kernels))}")
