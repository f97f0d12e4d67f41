"""A bundle: the directory that an export writes and every runtime opens.

`model.onnx` (and an engine's files), and `bundle.json`: what it was made from, how, and the proof that it is right.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lama_deploy.disk import sha256_of
from lama_deploy.errors import BundleError, ConfigError, brief
from lama_deploy.json_shape import NUMBER, OBJECT, SHA256, TEXT, Each, Rule, misshapen, one_of, optional, whole
from lama_deploy.shapes import Shape
from lama_deploy.variants import GeneratorConfig

FORMAT = 1
MANIFEST = "bundle.json"
MODEL = "model.onnx"
ENGINE = "model.engine"
PLUGIN_FILE = r"plugin-([A-Za-z0-9_.-]{1,80})\.so"  # that an engine may need: code for the platform in its name
# By target; weights, and the ONNX file of an engine, lie beside it, in files of the same name.
PACKAGE = "model.mlpackage"  # a folder with just these files
PACKAGE_FILES = tuple(
    f"{PACKAGE}/{file}"
    for file in (
        "Manifest.json",
        "Data/com.apple.CoreML/model.mlmodel",
        "Data/com.apple.CoreML/weights/weight.bin",
    )
)
MODELS = {
    "onnx": MODEL,
    "openvino": "model.xml",
    "trt": ENGINE,
    "trt-rtx": ENGINE,
    "litert": "model.tflite",
    "mnn": "model.mnn",
    "coreml": PACKAGE,
    "ncnn": "model.ncnn.param",
    "torchscript": "model.pt",
}
IO_PROPERTY = "lama_deploy.io"  # in the file's metadata: "uint8" or "float"
PRECISION_PROPERTY = "lama_deploy.precision"  # the same as the bundle's
DECODER_PROPERTY = "lama_deploy.decoder"  # the same
SPECTRAL_PROPERTY = "lama_deploy.spectral"  # the same
MOST_BYTES = 4_000_000  # of bundle.json: an engine's, which is the longest, has 30,000
# What its readers rely on; of the rest, anything.
SIDE = whole(1, 2**20)
SIDES = Rule(
    "a height and a width", lambda value: isinstance(value, list) and len(value) == 2 and all(map(SIDE.holds, value))
)
SHAPE = {
    "format": whole(FORMAT, FORMAT),
    "variant": optional(TEXT),
    "generator": OBJECT,
    "weights": {"source": TEXT, "sha256": SHA256},
    "assumed": Each(TEXT),
    "target": one_of(*MODELS),
    "precision": one_of("fp32", "fp16", "bf16", "int8"),
    "spectral": TEXT,
    "io": one_of("uint8", "float"),
    "decoder": one_of("hole", "whole"),
    "files": Each({"bytes": whole(0, 2**50), "sha256": SHA256}),
    "inputs": Each(OBJECT),
    "outputs": Each(OBJECT),
    "tools": Each(TEXT),
    "parity": OBJECT,
    "ranges": OBJECT,
    "quantisation": {"least_psnr?": NUMBER},
    "memory": OBJECT,
    "created": TEXT,
}
ENGINE_SHAPE = {
    "version": TEXT,
    "batch": dict.fromkeys(("min", "opt", "max"), SIDE),
    "profiles": [dict.fromkeys(("min", "opt", "max"), SIDES)],
    "version_compatible?": Rule("true or false", lambda value: isinstance(value, bool)),
    "stripped?": Rule("true or false", lambda value: isinstance(value, bool)),
    "hardware_compatibility?": one_of("none", "ampere+", "same-cc"),
    "compute_capabilities?": [TEXT],
}
# Of an engine's parts that may be null. The file of a plugin is executed; older bundles name none.
PLUGIN_NAME = Rule(
    "a plain name plugin-<platform>.so",
    lambda value: isinstance(value, str) and re.fullmatch(PLUGIN_FILE, value) is not None,
)
ENGINE_PARTS = {"plugin": {"sha256": TEXT, "file?": optional(PLUGIN_NAME)}, "gpu": Each(TEXT)}
COUNT = whole(0, 2**50)
# Of `runtime.measuring`: under which conditions, what a run takes in bytes, and the runs that this was fitted to.
MEMORY_SHAPE = {
    "conditions": {"engine": Each(TEXT), "cpu": TEXT, "cores": COUNT, "options": Each(TEXT)},
    "memory": dict.fromkeys(("fixed", "per_pixel", "per_picture", "residual"), NUMBER)
    | {"per_pixel_fixed": optional(NUMBER)},
    "runs": [{"shape": [COUNT], "bytes": COUNT}],
}
ADDED_LATER: dict[str, Any] = {
    **{name: {} for name in ("ranges", "quantisation", "engine", "assumed", "memory")},
    "decoder": "whole",
}
REMEDY = "export the bundle again, or copy it again from where it was whole"


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Contents of `bundle.json`.

    Its hashes find what was damaged, mixed up or edited by mistake; who edits on purpose can write new ones.
    variant: the paper's name of the generator, None for a custom one. weights: {"source", "sha256"}. assumed: what
    nothing in that file or beside it says of the generator (`checkpoints.checkpoint.Checkpoint`).
    io: "uint8" or "float". decoder: whether what follows the trunk is computed for the "whole" picture or for a window
    around the "hole"s alone. files: {name: {"bytes", "sha256"}}. inputs, outputs: {name: {"dtype", "shape"}}.
    tools: {package: version}. parity: the record of `lama_deploy.proof.parity`. ranges: of activations, scales and
    headroom, where the precision asked for them (`lama_export.precision.fp16`). quantisation: what int8 left out, and
    its price (`lama_export.precision.sensitivity`). engine: of TensorRT: version, profiles, layers and what has not
    been executed (`lama_export.tensorrt.target`). memory: what runs take on the machine that exported it
    (`MEMORY_SHAPE`); empty where nobody has measured it.
    """

    variant: str | None
    generator: dict[str, Any]
    weights: dict[str, str]
    target: str
    precision: str
    spectral: str
    io: str
    files: dict[str, dict[str, Any]]
    inputs: dict[str, dict[str, Any]]
    outputs: dict[str, dict[str, Any]]
    tools: dict[str, str]
    parity: dict[str, Any] = field(default_factory=dict)
    ranges: dict[str, Any] = field(default_factory=dict)
    assumed: dict[str, str] = field(default_factory=dict)
    quantisation: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    memory: dict[str, Any] = field(default_factory=dict)
    decoder: str = "whole"
    created: str = ""
    format: int = FORMAT

    @property
    def model(self) -> str:
        """Name of the file that its engine opens."""
        return MODELS[self.target]

    @property
    def config(self) -> GeneratorConfig:
        return GeneratorConfig.from_dict(self.generator)

    @property
    def fixed_shape(self) -> Shape | None:
        """Pictures, height and width, where the model takes no others."""
        dims = self.inputs.get("mask", {}).get("shape")
        sides = [dims[0], *dims[-2:]] if isinstance(dims, list) and len(dims) >= 3 else []
        return (sides[0], sides[1], sides[2]) if sides and all(map(SIDE.holds, sides)) else None

    def save(self, directory: Path) -> None:
        (directory / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n")


def is_bundle(path: str | os.PathLike[str]) -> bool:
    return (Path(path) / MANIFEST).is_file()


def load_bundle(directory: str | os.PathLike[str], *, check: bool = True) -> Bundle:
    """Read a bundle's manifest. check: also that every file it names is as it says (`check_file`).

    Files that it does not name, such as verify.json, may lie beside them. Raises BundleError for a missing, damaged or
    newer manifest, and for a file that is missing or another one.
    """
    bundle = _manifest(Path(directory))
    for name in bundle.files:
        if not (Path(directory) / name).is_file():
            raise BundleError(f"{directory}: {name} is missing; export the bundle again")
    for name in bundle.files if check else ():
        _check_named(Path(directory), name, bundle)
    return bundle


def bundle_around(model: Path) -> Bundle | None:
    """The bundle that a model file belongs to, checked as far as that file needs it; None where none names the file.

    An engine needs the plugins beside it and no other file, and the others need neither.
    """
    bundle = _manifest(model.parent) if is_bundle(model.parent) else None
    if bundle is None or model.name not in bundle.files:
        return None
    for name in bundle.files:
        if _serves_engines(name) == _serves_engines(model.name):
            check_file(model.parent / name, bundle)
    return bundle


def _serves_engines(name: str) -> bool:
    return name == ENGINE or re.fullmatch(PLUGIN_FILE, name) is not None


def bundle_beside(model: Path) -> Bundle | None:
    """The bundle that names a model file, without a look at the file; None where there is none, or it is damaged."""
    try:
        bundle = _manifest(model.parent) if is_bundle(model.parent) else None
    except BundleError:
        return None
    return bundle if bundle is not None and model.name in bundle.files else None


def check_file(path: Path, bundle: Bundle) -> None:
    """Raise BundleError unless size and SHA-256 of a file are those in the manifest.

    On 2 vCPUs of an AMD Zen 4 EPYC, with SHA extensions and other programs beside, 204 MB that were in memory already
    took 0.2 s on 2026-11-27: a quarter to a half of what ONNX Runtime takes to open them (0.3 to 0.7 s).
    """
    _check_named(path.parent, path.name, bundle)


def _check_named(directory: Path, name: str, bundle: Bundle) -> None:
    path = directory / name
    if not path.is_file():
        raise BundleError(f"{path}: is missing; {REMEDY}")
    expected, size = bundle.files[name], path.stat().st_size
    if size != expected["bytes"]:
        raise BundleError(f"{path}: has {size} bytes, and {MANIFEST} says {expected['bytes']}; {REMEDY}")
    try:
        found = sha256_of(path)
    except OSError as error:
        raise BundleError(f"{path}: cannot be read ({error.strerror}); allow it, or {REMEDY}") from error
    if found != expected["sha256"]:
        raise BundleError(
            f"{path}: has the SHA-256 {found[:12]}…, and {MANIFEST} says {expected['sha256'][:12]}…; {REMEDY}"
        )


def check_precision(model: Path, bundle: Bundle, found: str | None, by: str = "its metadata") -> None:
    """Raise BundleError unless `found` is the manifest's precision. None, of a file that names none, counts as fp32.

    Files of other precisions have named theirs since before the first release, and fp32 is held to the most.
    """
    if (found or "fp32") != bundle.precision:
        told = f"{found} by {by}" if found else "names no precision, so it counts as fp32"
        raise BundleError(f"{model}: {told}, and {MANIFEST} says {bundle.precision}; {REMEDY}")


def _manifest(directory: Path) -> Bundle:
    manifest = directory / MANIFEST
    if not manifest.is_file():
        raise BundleError(f"{directory}: not a bundle (no {MANIFEST}); make one with lama-export")
    values = _read(manifest)
    if isinstance(values, dict):
        values = ADDED_LATER | values
        if values.get("format", FORMAT) != FORMAT:
            found = brief(values["format"], 60)
            raise BundleError(f"{manifest}: format {found}, but this version reads {FORMAT}; export again or upgrade")
    wrong = misshapen(values, SHAPE) or _wrong_in_engine(values["engine"])
    wrong = wrong or misshapen(values["memory"], MEMORY_SHAPE if values["memory"] else {}, "memory")
    if not wrong and values["engine"] and MODELS[values["target"]] != ENGINE:
        wrong = f"it describes an engine, and its target is {values['target']}"
    if wrong:
        raise BundleError(f"{manifest}: damaged ({wrong}); export the bundle again")
    try:
        bundle = Bundle(**{name.name: values[name.name] for name in fields(Bundle)})
        bundle.config  # noqa: B018 (validates)
    except ConfigError as error:
        raise BundleError(f"{manifest}: damaged ({error}); export the bundle again") from error
    _check_names(manifest, bundle)
    return bundle


def _wrong_in_engine(engine: Any) -> str | None:
    wrong = misshapen(engine, ENGINE_SHAPE if engine else {}, "engine")
    for name, shape in ENGINE_PARTS.items():
        if not wrong and engine.get(name) is not None:
            wrong = misshapen(engine[name], shape, f"engine.{name}")
    return wrong


def _read(manifest: Path) -> Any:
    """Of a file that is short enough to be one: whatever its JSON is."""
    try:
        if manifest.stat().st_size > MOST_BYTES:
            raise BundleError(f"{manifest}: has more than {MOST_BYTES} bytes; export the bundle again")
        return json.loads(manifest.read_text(encoding="utf-8"))
    except OSError as error:
        raise BundleError(f"{manifest}: cannot be read ({error.strerror})") from error
    except (ValueError, RecursionError) as error:  # also of bytes that are no text, and of numbers that are too long
        raise BundleError(f"{manifest}: damaged ({brief(error)}); export the bundle again") from error


def _check_names(manifest: Path, bundle: Bundle) -> None:
    """Raise BundleError for a file elsewhere, which would be read from there."""
    for name in bundle.files:
        if name not in PACKAGE_FILES and not re.fullmatch(r"\w[\w.-]{0,99}", name):
            raise BundleError(
                f"{manifest}: names the file '{brief(name, 60)}', and allowed are only plain names of files beside it, "
                f"such as {bundle.model}; export the bundle again"
            )
    carried = (bundle.engine.get("plugin") or {}).get("file")
    models = PACKAGE_FILES if bundle.model == PACKAGE else (bundle.model,)
    for name in (*models, carried) if carried else models:
        if name not in bundle.files:
            raise BundleError(f"{manifest}: damaged ({name} is not among its files); export the bundle again")
