"""A bundle: the directory that an export writes and every runtime opens.

`model.onnx` (and an engine's files), and `bundle.json`: what it was made from, how, and the proof that it is right.
"""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any

from lama_deploy.errors import BundleError, ConfigError
from lama_deploy.variants import GeneratorConfig

FORMAT = 1
MANIFEST = "bundle.json"
MODEL = "model.onnx"
ENGINE = "model.engine"
# By target; weights, and the ONNX file of an engine, lie beside it, in files of the same name.
MODELS = {"onnx": MODEL, "openvino": "model.xml", "trt": ENGINE, "trt-rtx": ENGINE}
IO_PROPERTY = "lama_deploy.io"  # in the file's metadata: "uint8" or "float"
PRECISION_PROPERTY = "lama_deploy.precision"  # the same as the bundle's


@dataclass(frozen=True, kw_only=True)
class Bundle:
    """Contents of `bundle.json`.

    variant: the paper's name of the generator, None for a custom one. weights: {"source", "sha256"}.
    io: "uint8" or "float". files: {name: {"bytes", "sha256"}}. inputs, outputs: {name: {"dtype", "shape"}}.
    tools: {package: version}. parity: the record of `lama_deploy.proof.parity`. ranges: of activations, scales and
    headroom, where the precision asked for them (`lama_export.half`). quantisation: what int8 left out, and its price
    (`lama_export.sensitivity`). engine: of TensorRT: version, profiles, layers and what has not been executed
    (`lama_export.tensorrt_target`).
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
    quantisation: dict[str, Any] = field(default_factory=dict)
    engine: dict[str, Any] = field(default_factory=dict)
    created: str = ""
    format: int = FORMAT

    @property
    def model(self) -> str:
        """Name of the file that its engine opens."""
        return MODELS[self.target]

    @property
    def config(self) -> GeneratorConfig:
        return GeneratorConfig.from_dict(self.generator)

    def save(self, directory: Path) -> None:
        (directory / MANIFEST).write_text(json.dumps(asdict(self), indent=2) + "\n")


def is_bundle(path: str | os.PathLike[str]) -> bool:
    return (Path(path) / MANIFEST).is_file()


def load_bundle(directory: str | os.PathLike[str]) -> Bundle:
    """Read a bundle's manifest. Raises BundleError for a missing, damaged or newer one."""
    manifest = Path(directory) / MANIFEST
    if not manifest.is_file():
        raise BundleError(f"{directory}: not a bundle (no {MANIFEST}); make one with lama-export")
    try:
        values = json.loads(manifest.read_text())
        if values["format"] != FORMAT:
            raise BundleError(
                f"{manifest}: format {values['format']}, but this version reads {FORMAT}; export again or upgrade"
            )
        for added_later in ("ranges", "quantisation", "engine"):
            values.setdefault(added_later, {})
        bundle = Bundle(**{name.name: values[name.name] for name in fields(Bundle)})
        bundle.config, bundle.model  # noqa: B018 (validates)
        missing = [name for name in bundle.files if not (Path(directory) / name).is_file()]
    except (json.JSONDecodeError, UnicodeDecodeError, KeyError, TypeError, ConfigError) as error:
        raise BundleError(f"{manifest}: damaged ({error}); export the bundle again") from error
    if missing:
        raise BundleError(f"{directory}: {missing[0]} is missing; export the bundle again")
    return bundle
