"""The layers of a bundle against those of another one, or an engine's against its own ONNX file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import onnx

from lama_deploy.bundle import MODEL, Bundle
from lama_deploy.errors import BundleError, ConfigError, brief
from lama_deploy.images.pixels import unit_planes
from lama_deploy.images.scenes import scene
from lama_deploy.onnx_functions import inline_functions
from lama_deploy.proof.layers.compare import OWN_ERROR, Difference, LayerComparison, comparable, layers_of
from lama_deploy.proof.layers.runners import compare, engine_plan, on_cpu, on_gpu, require_polygraphy
from lama_deploy.proof.rounded_backend import simulate_half
from lama_deploy.proof.subjects import Size
from lama_deploy.shapes import described, fitting
from lama_deploy.tensorrt.modules import FLAVOURS
from lama_deploy.tensorrt.plugin.carried import chosen_plugin
from lama_deploy.tensorrt.profiles import EngineProfile

HALVES = ("fp16", "bf16")


COMPARED = ("onnx", *FLAVOURS)  # targets


@dataclass(frozen=True)
class LayeredModel:
    """A bundle and where it lies. model: its ONNX file, functions written out."""

    folder: Path
    bundle: Bundle
    model: onnx.ModelProto

    @classmethod
    def open(cls, folder: Path, bundle: Bundle) -> LayeredModel:
        """Raises BundleError, ConfigError for bundles without layers that could be compared."""
        if bundle.target not in COMPARED:
            raise ConfigError(
                f"{folder}: --layers is for ONNX files and TensorRT engines; it does not compare what --to "
                f"{bundle.target} writes"
            )
        if bundle.precision == "int8":
            raise ConfigError(
                f"{folder}: --layers is not for int8, whose layers clip; what each kind costs is in its bundle.json"
            )
        try:
            return cls(folder, bundle, inline_functions(onnx.load(folder / MODEL)))
        except Exception as error:  # protobuf's and ONNX's own
            raise BundleError(f"{folder / MODEL}: damaged ({brief(error)}); export it again") from error

    def __str__(self) -> str:
        """What is run as the candidate."""
        engine = FLAVOURS[self.bundle.target].name if self.bundle.engine else ""
        return f"{self.folder} rebuilt by {engine} with its layers as outputs" if engine else self.model_file

    @property
    def model_file(self) -> str:
        """What is run as the reference."""
        halves = f", every value rounded to {self.bundle.precision}" if self.bundle.precision in HALVES else ""
        return f"{self.folder / MODEL} in ONNX Runtime{halves}"

    @property
    def own_error(self) -> float:
        """See OWN_ERROR."""
        kinds = [self.bundle.precision]
        kinds += ["tf32"] if self.bundle.engine.get("tf32") else []
        kinds += ["dft"] if self.bundle.spectral == "dft" else []
        return max(OWN_ERROR[kind] for kind in kinds)

    def is_scaled(self, other: LayeredModel) -> bool:
        """Whether the values of the two differ by powers of two."""
        return self.bundle.ranges != other.bundle.ranges

    @property
    def cpu_model(self) -> onnx.ModelProto:
        """For ONNX Runtime to compute as an engine would: half precisions rounded at every value."""
        return simulate_half(self.model) if self.bundle.precision in HALVES else self.model

    @property
    def engine_model(self) -> onnx.ModelProto:
        """For the engine to be built from: with the nodes that a plugin is for, whose insides it then does not show."""
        return onnx.load(self.folder / MODEL) if self.bundle.engine.get("plugin") else self.model


def compare_layers(candidate: LayeredModel, reference: LayeredModel, size: Size) -> list[Difference]:
    """Of every layer that both have, in order, on a scene of that size.

    A candidate with an engine is built anew with its layers marked as outputs, and runs on the GPU; the reference is
    always an ONNX file on the CPU. Raises EngineError, KernelError, MissingDependencyError, ConfigError for bundles
    that have nothing to compare and for a size that no profile of the engine takes.
    """
    one, other = candidate.bundle, reference.bundle
    if one.io != other.io or one.generator != other.generator:
        raise ConfigError(f"{candidate.folder} and {reference.folder}: not of the same generator and --io")
    require_polygraphy(one.target)
    outputs = outputs_of(candidate, reference)
    run = engine_runner(candidate, outputs, size) if one.engine else on_cpu(candidate.cpu_model, outputs, "candidate")
    own_error = max(candidate.own_error, reference.own_error)
    layers = list(layers_of(candidate.engine_model.graph))
    comparison = LayerComparison(layers, own_error, scaled=candidate.is_scaled(reference))
    return compare([on_cpu(reference.cpu_model, outputs, "reference"), run], _feeds(one, size), comparison)


def outputs_of(candidate: LayeredModel, reference: LayeredModel) -> list[str]:
    """The values that both have, in the candidate's order; inside of Fourier units where both have the same form."""
    scaled = candidate.is_scaled(reference)
    names = comparable(candidate.model, scaled=scaled) & comparable(reference.model, scaled=scaled)
    if (candidate.bundle.spectral == "dft") != (reference.bundle.spectral == "dft"):
        names = {name for name in names if "/fourier_unit/" not in name}
    return [layer.name for layer in layers_of(candidate.engine_model.graph) if layer.name in names]


def engine_runner(subject: LayeredModel, outputs: Sequence[str], size: Size) -> Any:
    """Errors as `compare_layers`."""
    from cuda.bindings import driver

    from lama_deploy.tensorrt.cuda_driver import Cuda

    record = subject.bundle.engine
    profile = profile_for(record, size)
    Cuda(driver)  # says that there is no GPU before anything is built
    plugin = chosen_plugin(subject.folder, subject.bundle).path if record["plugin"] else None
    plan = engine_plan(subject.engine_model, outputs, subject.bundle.target, record, profile, plugin)
    return on_gpu(plan, "candidate")


def profile_for(record: Mapping[str, Any], size: Size) -> EngineProfile:
    """Of an engine's record, the tightest that takes the size. Raises ConfigError."""
    profiles = []
    for index, sides in enumerate(record["profiles"]):
        least, best, largest = ((record["batch"][end], *sides[end]) for end in ("min", "opt", "max"))
        profiles.append(EngineProfile(least, best, largest, index))
    shape = (size.batch, size.height, size.width)
    profile, fits = fitting(profiles, shape)
    if fits != shape:
        raise ConfigError(f"the engine takes {described(profiles)}, not {size}; give another --sizes")
    return profile


def _feeds(bundle: Bundle, size: Size) -> Mapping[str, Any]:
    images, masks = scene(size.height, size.width, size.batch)
    # Holes from corner to corner: a decoder for holes alone then computes all that one for the whole picture does.
    masks[:, 0, 0] = masks[:, -1, -1] = 1
    pair = (images, masks) if bundle.io == "uint8" else unit_planes(images, masks)
    feeds = dict(zip(("image", "mask"), pair, strict=True))
    if bundle.precision != "bf16":
        return feeds
    import torch  # NumPy has no bfloat16; what is given as tensors comes back as tensors

    return {name: torch.from_numpy(values) for name, values in feeds.items()}
