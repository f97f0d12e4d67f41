"""The public face: load a model of any kind, call it with an image and a mask."""

from __future__ import annotations

import logging
import math
import os
from collections.abc import AsyncGenerator, Generator, Iterable, Mapping, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any, Literal, Unpack, overload

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.errors import ImageError, LamaDeployError, brief, quoted
from lama_deploy.images.inputs import given_image, is_on_device, mask_of
from lama_deploy.images.mask_options import MaskKeywords, MaskOptions
from lama_deploy.runtime.backend import Backend, takes_device_arrays
from lama_deploy.runtime.checks import check_around, check_hole, check_pictures, warmed_shape, wrong_with
from lama_deploy.runtime.forks import birth
from lama_deploy.runtime.opening import (
    OF_CHECKPOINTS,
    OF_THE_DEMO,
    Source,
    engine_file,
    fitting_backends,
    opened,
    opener_of,
    what_it_takes,
)
from lama_deploy.runtime.options import (
    AnyOptions,
    BackendName,
    CheckpointBackend,
    CudaOptions,
    MnnOptions,
    OnnxRuntimeOptions,
    OpenVinoOptions,
    PlainOptions,
    TensorRtOptions,
    TorchOptions,
)
from lama_deploy.runtime.refine_options import RefineOptions, refine_options
from lama_deploy.runtime.refined import refined
from lama_deploy.runtime.strategies.options import Strategy, StrategyOptions
from lama_deploy.runtime.strategies.plan import Plan
from lama_deploy.runtime.strategies.running import Failure, raised
from lama_deploy.runtime.strategies.strategist import Chosen, Picture, Strategist
from lama_deploy.runtime.streaming import AHEAD, Awaited, Item, OnError, each, mapped

log = logging.getLogger(__name__)


class Inpainter:
    """Fills the hole of an image. Known pixels come back byte for byte."""

    def __init__(
        self,
        backend: Backend,
        strategy: Strategy | StrategyOptions = "auto",
        refine: bool | RefineOptions | None = None,
    ) -> None:
        """Of a backend that is opened already; `load` opens models. Raises LamaDeployError for a path or name.

        strategy: how pictures are cut for it, by name or with all of its options (`StrategyOptions`).
        refine: also refine what is filled, with `RefineOptions` or their defaults; of backend "torch" alone.
        """
        if isinstance(backend, (str, os.PathLike)):
            given = quoted(os.fspath(backend))
            raise LamaDeployError(f"Inpainter takes an opened backend; Inpainter.load({given}) opens a model")
        self.backend = refined(backend, refine)
        options = strategy if isinstance(strategy, StrategyOptions) else StrategyOptions(strategy=strategy)
        self._said = set[str]()
        self._strategist = Strategist(self.backend, options)
        self._birth = birth(backend.name, None)
        self._awaited = Awaited(self.workers)

    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: None = None,
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[AnyOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["onnxruntime"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[OnnxRuntimeOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["openvino"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[OpenVinoOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["tensorrt"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[TensorRtOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["mnn"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[MnnOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["litert", "ncnn", "torchscript"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[PlainOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["torch"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[TorchOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: Literal["cuda"],
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[CudaOptions],
    ) -> Inpainter: ...
    @classmethod
    def load(
        cls,
        source: Source,
        *,
        backend: BackendName | None = None,
        check: bool = True,
        strategy: Strategy | StrategyOptions = "auto",
        **options: Any,
    ) -> Inpainter:
        """Open a bundle, an .onnx or .xml of lama-export, a checkpoint of any kind, or a name such as "big-lama".

        backend: "onnxruntime", "openvino", "tensorrt", "litert", "mnn" or "ncnn" (bundles and files made for it),
        "torchscript" (bundles for it, which are programs), "torch" or "cuda" (checkpoints and names; "cuda" is fused
        and for NVIDIA GPUs); by default the first that fits.
        "lama-demo" also runs in "onnxruntime", and does where there is no torch.
        check: that the files of a bundle, also one given by its own path, are those that bundle.json names, by size
        and SHA-256, and of the precision that it names.
        strategy: how pictures are cut, by name or as `StrategyOptions` describes it. options: by `runtime.options`.
        Raises a LamaDeployError that says what to do.
        """
        if not isinstance(source, (str, os.PathLike)):
            raise LamaDeployError(f'the model is {brief(source)}; allowed: a path or a name, such as "big-lama"')
        model, bundle = engine_file(Path(source), check)
        fitting = fitting_backends(source, model)
        chosen = fitting[0] if backend is None else backend
        if chosen not in fitting:
            runs = " or ".join(map(repr, fitting))
            raise LamaDeployError(
                f"{source}: backend {chosen!r} does not run this, {runs} does; {what_it_takes(chosen)}"
            )
        refine = refine_options(options.pop("refine", None), chosen)
        opener = opener_of(chosen, options, bundle)
        if model is not None:
            return cls._made(opened(opener, model, bundle if check else None, options), options, strategy, refine)
        if chosen not in OF_CHECKPOINTS:
            return cls._made(opener_of(chosen, options, place=OF_THE_DEMO)(**options), options, strategy, refine)
        from lama_deploy.checkpoints.weights import load_weights

        return cls._made(opener(load_weights(source), **options), options, strategy, refine)

    @overload
    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        *,
        backend: Literal["torch"] = "torch",
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[TorchOptions],
    ) -> Inpainter: ...
    @overload
    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        *,
        backend: Literal["cuda"],
        strategy: Strategy | StrategyOptions = "auto",
        **options: Unpack[CudaOptions],
    ) -> Inpainter: ...
    @classmethod
    def of(
        cls,
        checkpoint: Checkpoint,
        *,
        backend: CheckpointBackend = "torch",
        strategy: Strategy | StrategyOptions = "auto",
        **options: Any,
    ) -> Inpainter:
        """A checkpoint that is loaded already. backend: "torch" or "cuda"; the others, and errors: as `load`."""
        if backend not in OF_CHECKPOINTS:
            raise LamaDeployError(f"backend {backend!r} runs no checkpoint; allowed: {', '.join(OF_CHECKPOINTS)}")
        refine = refine_options(options.pop("refine", None), backend)
        return cls._made(opener_of(backend, options)(checkpoint, **options), options, strategy, refine)

    @classmethod
    def _made(
        cls,
        backend: Backend,
        options: Mapping[str, Any],
        strategy: Strategy | StrategyOptions,
        refine: RefineOptions | None,
    ) -> Inpainter:
        made = cls(backend, strategy, refine)
        made._birth = birth(backend.name, options.get("threads"))
        return made

    @property
    def workers(self) -> int:
        """How many threads may call at once with profit: 1, or more where the backend has asynchronous requests."""
        return self.backend.capabilities.workers

    @property
    def strategy(self) -> StrategyOptions:
        """How pictures are cut for it."""
        return self._strategist.options

    def __call__(
        self, image: Any, mask: Any = None, *, stream: Any = None, **mask_options: Unpack[MaskKeywords]
    ) -> Any:
        """Image and mask as PIL, NumPy, torch or paths (`inputs.given_image`, `inputs.mask_of`) -> the image's kind.

        Pixels of the mask above 0 are hole, or what `mask_options` say (`mask_options.MaskOptions`: mask_threshold,
        invert, mask_from, mask_as, grow). boxes=[(x, y, width, height)] and points=[(x, y, radius)] are hole besides
        the mask, or without one. One mask serves a whole batch. An empty mask returns the image unchanged. What
        looks wrong with the mask, and what is lost of the image, is a warning of this module's logger.
        With backend "tensorrt" also arrays on the GPU, of torch, CuPy, PyCUDA and others, which stay there, in the
        order of `stream` (`device_arrays.DeviceCall`), without mask_options. Raises as `run` does.
        """
        self._birth.check()
        options = MaskOptions(**mask_options)
        if is_on_device(image) and takes_device_arrays(self.backend):
            if mask_options:
                raise ImageError(f"arrays on the GPU take no {', '.join(mask_options)}; there the hole is nonzero")
            if mask is None:
                raise ImageError("arrays on the GPU need a mask, and there is none")
            return self.backend.inpaint_on_device(image, mask, stream)
        given = given_image(image, log.warning)
        holes = mask_of(mask, given, options, log.warning)
        try:
            return given.restore(self.run(given.pixels, holes), holes)
        except LamaDeployError as error:
            raise type(error)(f"{given.name}: {error}" if given.name else str(error)) from error

    async def acall(self, image: Any, mask: Any = None, **mask_options: Unpack[MaskKeywords]) -> Any:
        """`await` of what a call gives, computed in a thread beside the event loop, as many at once as `workers`.

        A call that is cancelled before its turn is not computed; one that is being computed is, for nobody.
        """
        return await self._awaited.call(lambda: self(image, mask, **mask_options))

    def map(
        self,
        items: Iterable[Item],
        *,
        on_error: OnError = "raise",
        ahead: int = AHEAD,
        **mask_options: Unpack[MaskKeywords],
    ) -> Generator[Any, None, None]:
        """Of pairs (image, mask), as a call takes them but for arrays on the GPU: the results, lazily and in order.

        What comes next is read while the model computes, `ahead` items at most, and windows of equal size run together.
        on_error: "raise" what is wrong with an item in its place, which ends the iterator, or "return" it there.
        """
        self._birth.check()
        return mapped(self, items, MaskOptions(**mask_options), log.warning, on_error=on_error, ahead=ahead)

    async def amap(
        self,
        items: Iterable[Item],
        *,
        on_error: OnError = "raise",
        ahead: int = AHEAD,
        **mask_options: Unpack[MaskKeywords],
    ) -> AsyncGenerator[Any, None]:
        """`map` for `async for`; `items` is asked from a thread of its own."""
        self._birth.check()
        options = MaskOptions(**mask_options)
        start = lambda: mapped(self, items, options, log.warning, on_error=on_error, ahead=ahead)  # noqa: E731
        async with aclosing(each(start)) as results:
            async for result in results:
                yield result

    def plan(self, hole: Array) -> Plan:
        """How a picture with these holes, (H, W) uint8 or bool, would be filled now: what `run` does.

        Raises ImageError for anything else.
        """
        check_hole(hole)
        return self._strategist.plan(hole)

    def warm_up(self, sizes: Iterable[Sequence[int]]) -> None:
        """Compute pictures of these sizes that are black and all hole, so that what an engine prepares for a size is
        ready, and what it takes the most memory for has been tried.

        sizes: (height, width) each, or (count, height, width) of pictures that run together; they are taken whole, so
        name the windows of a strategy that cuts (`plan`). The largest are first, since what smaller ones have got may
        go when memory for larger ones is made; so what an engine keeps for a few sizes alone, such as CUDA graphs, is
        there for the smallest. Raises ImageError for others, and as `run` does.
        """
        self._birth.check()
        for shape in sorted(map(warmed_shape, sizes), key=math.prod, reverse=True):
            self._strategist.warm_up(shape)

    def run(self, pixels: Array, holes: Array, *, around: Array | None = None) -> Array:
        """(N, H, W, 3) uint8 and (N or 1, H, W) uint8 -> (N, H, W, 3) uint8.

        around: (H, W), the holes by which windows are chosen, in place of the pictures' own, which lie in it: for
        pictures that follow each other. What is chosen is told this module's logger.
        Raises ImageError, and EngineError or DeviceMemoryError for what the engine cannot or NaN that it gives.
        """
        self._birth.check()
        check_pictures(pixels, holes)
        if around is not None:
            check_around(around, holes)
        if not holes.any():
            return pixels.copy()
        holes = np.ascontiguousarray(np.broadcast_to(holes, pixels.shape[:3]))
        plans = [self.plan(hole) for hole in holes] if around is None else [self.plan(around)] * len(holes)
        self._tell(plans)
        if not any(plan.steps for plan in plans):
            return self._strategist.fill_batch(pixels, holes)
        results = self._strategist.fill(list(zip(pixels, holes, strict=True)), plans)
        return np.stack([raised(result) for result in results])

    def _tell(self, plans: Sequence[Plan]) -> None:
        """What was asked for and is not so is a warning, once: many large photographs are no news with every one."""
        for one in {plan.text: plan for plan in plans}.values():
            unasked = one.why == "engine" and one.why not in self._said
            self._said.add(one.why)
            log.log(logging.WARNING if unasked else logging.INFO, "%s: %s", one.text, one.windows)

    def run_many(
        self, pictures: Sequence[Picture], chosen: Chosen | None = None, options: Sequence[StrategyOptions] = ()
    ) -> list[Array | Failure]:
        """Pictures of any sizes, (H, W, 3) uint8 and (H, W) uint8 each -> (H, W, 3) uint8 each, or what it failed for.

        Windows of equal size run as one batch. chosen: is told how each is filled. options: of each, or `strategy`.
        """
        self._birth.check()
        results = [wrong_with(*picture) for picture in pictures]
        good = [index for index, wrong in enumerate(results) if wrong is None]
        holes = [pictures[index][1] for index in good]
        own = [options[index] for index in good] if options else []
        plans = [*map(self._strategist.plan, holes, own)] if options else [*map(self.plan, holes)]
        if chosen is None:
            self._tell(plans)
        else:
            for index, one in zip(good, plans, strict=True):
                chosen(index, one)
        filled = iter(self._strategist.fill([pictures[index] for index in good], plans))
        return [next(filled) if wrong is None else wrong for wrong in results]
