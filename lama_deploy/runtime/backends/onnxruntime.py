"""ONNX Runtime: CPU, or CUDA where its provider is installed."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import onnxruntime as ort

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY, Bundle, bundle_beside
from lama_deploy.images.pixels import unit_planes
from lama_deploy.runtime.backend import Capabilities, Recipe
from lama_deploy.runtime.backends.onnxruntime_session import Optimization, device_of, open_session, threads_of_each
from lama_deploy.runtime.failures import engine_failures
from lama_deploy.runtime.interface import Value, check_interface
from lama_deploy.runtime.memory import estimated_memory
from lama_deploy.shapes import ShapeRange
from lama_deploy.variants import GeneratorConfig

# From so many pixels on ONNX Runtime gives back what a run took. Otherwise it keeps that for ever, and fits the next
# picture into it so that it takes an eighth more: with lama-demo 925 bytes a pixel of 1009x2109 in place of 810, and
# 2.0 GB later in place of 0.15. To take them anew costs lama-demo a seventh of the time, wider generators less.
PIXELS_GIVEN_BACK = 1_500_000
GIVING_BACK = ort.RunOptions()
GIVING_BACK.add_run_config_entry("memory.enable_memory_arena_shrinkage", "cpu:0")


class OnnxModel:
    """A model of lama-export that ONNX Runtime has opened, as a Backend. Safe to call from several threads."""

    name = "onnxruntime"

    def __init__(
        self,
        model: Path,
        session: ort.InferenceSession,
        recipe: Recipe,
        *,
        bundle: Bundle | None = None,
        config: GeneratorConfig | None = None,
        streams: int = 1,
    ) -> None:
        """model: for messages. recipe: but for the device. bundle, config: where they are known. Raises BundleError."""
        self._session = session
        metadata = session.get_modelmeta().custom_metadata_map
        values = {value.name: _described(value) for value in (*session.get_inputs(), *session.get_outputs())}
        self._io = check_interface(model, metadata.get(IO_PROPERTY), values, "onnx")
        made_for = metadata.get(PRECISION_PROPERTY)
        self.device = device_of(session)
        recipe = replace(recipe, options={"backend": self.name, **recipe.options, "device": self.device})
        on_cpu = self.device == "cpu"
        memory = estimated_memory(self.name, bundle, made_for, config) if on_cpu else None
        shapes = _fixed_shapes(session)
        self.capabilities = Capabilities(
            shapes=shapes,
            made_for=made_for,
            memory=memory,
            memory_of=self.device,
            recipe=None if shapes else recipe,  # memory is measured at several sizes
            workers=streams,
        )

    def run(self, images: Array, masks: Array) -> Array:
        """As Backend.run. Raises EngineError, DeviceMemoryError."""
        with engine_failures("ONNX Runtime", (masks.shape[0], masks.shape[1], masks.shape[2])):
            return self._run(images, masks)

    def _run(self, images: Array, masks: Array) -> Array:
        if self._io == "uint8":
            feeds = {"image": images, "mask": masks}
        else:
            feeds = dict(zip(("image", "mask"), unit_planes(images, masks), strict=True))
        large = self.device == "cpu" and masks.size >= PIXELS_GIVEN_BACK
        result: Array = self._session.run(["result"], feeds, GIVING_BACK if large else None)[0]
        return result if self._io == "uint8" else result.transpose(0, 2, 3, 1)


class OnnxRuntimeBackend(OnnxModel):
    """A `model.onnx` written by lama-export, either interface.

    device: "cpu", "cuda", "cuda:N"; None or "auto" (CUDA where it starts). threads: of the CPU provider; None leaves
    it to ONNX Runtime. streams: pictures computed at the same time, which share the threads: more of them a second for
    more memory, since threads of one picture wait for each other.
    """

    def __init__(
        self,
        model: str | os.PathLike[str],
        *,
        device: str | None = None,
        threads: int | None = None,
        optimization: Optimization = "all",
        streams: int = 1,
    ) -> None:
        each = threads_of_each(streams, threads)
        session = open_session(Path(model), device=device, threads=each, optimization=optimization)
        bundle = bundle_beside(Path(model))
        options = {"threads": each, "optimization": optimization}
        recipe = Recipe(str(Path(model).absolute()), options, recorded=bundle.memory if bundle else {})
        super().__init__(Path(model), session, recipe, bundle=bundle, streams=streams)


def _fixed_shapes(session: ort.InferenceSession) -> tuple[ShapeRange, ...]:
    """Of a file for one size: that one."""
    dims = next(value.shape for value in session.get_inputs() if value.name == "mask")
    sides = (dims[0], *dims[-2:])
    return (ShapeRange(sides, sides, sides),) if all(isinstance(side, int) for side in sides) else ()


def _described(value: Any) -> Value:
    """Of a "tensor(float)": what NumPy calls it."""
    dtype = str(value.type).removeprefix("tensor(").removesuffix(")")
    return {"float": "float32"}.get(dtype, dtype), len(value.shape)
