"""The package of `--to coreml`: a program for Apple's devices, written on any system and run on theirs alone."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Iterator, Mapping
from io import StringIO
from pathlib import Path
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.bundle import DECODER_PROPERTY, IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.proof.subjects import Size
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.picture import IMAGE, MASK, RESULT, Interface

AROUND = ("picture_", "image_", "mask_", "result")  # of names, which may have lost their slashes
KINDS = ("conv", "conv_transpose")  # of operations, whose weights int8 is about
WORDS = {
    IMAGE: "the picture; what it shows inside the hole does not matter",
    MASK: "the hole: whatever is above 0",
    RESULT: "the picture with its hole filled; all other pixels are as they were",
}
NOT_RUN = (
    "no Apple device has run this package: what was compared with PyTorch is its program, read back from its files and "
    "computed operation by operation on this machine"
)


def write_package(
    path: Path, config: GeneratorConfig, state_dict: Mapping[str, Array], size: Size, io: Interface, precision: str
) -> None:
    """`path`, a folder. In int8 the weights of convolutions are, and what is computed is float16."""
    with _quiet():
        from lama_export.edge.mil_program import mil_program

        model = _converted(mil_program(config, state_dict, size.height, size.width, io), io, precision)
        if precision == "int8":
            model = _with_weights_of_8_bits(model)
        _save(model, path, _properties(io, precision), size if io == "uint8" else None)


def _converted(program: Any, io: Interface, precision: str) -> Any:
    """For iOS 16 and macOS 13, the first that know weights of 8 bits."""
    import coremltools as ct

    computed = ct.precision.FLOAT32
    if precision != "fp32":
        computed = ct.precision.FLOAT16
        if io == "float":
            computed = ct.transform.FP16ComputePrecision(lambda op: not op.name.replace("/", "_").startswith(AROUND))
    return ct.convert(
        program,
        convert_to="mlprogram",
        compute_precision=computed,
        minimum_deployment_target=ct.target.iOS16,
        skip_model_load=True,
    )


def _with_weights_of_8_bits(model: Any) -> Any:
    """By output channel; they are made float16 as they are loaded or used, and nothing is computed in integers."""
    import coremltools.optimize.coreml as cto

    how = cto.OpLinearQuantizerConfig(mode="linear_symmetric", dtype="int8")
    return cto.linear_quantize_weights(model, cto.OptimizationConfig(op_type_configs=dict.fromkeys(KINDS, how)))


def _properties(io: str, precision: str) -> dict[str, str]:
    return {IO_PROPERTY: io, PRECISION_PROPERTY: precision, DECODER_PROPERTY: "whole"}


def _save(model: Any, path: Path, properties: dict[str, str], images: Size | None) -> None:
    """images: of this size in place of tensors."""
    import coremltools as ct

    specification = model.get_spec()
    description = specification.description
    description.metadata.author = "lama-deploy"
    description.metadata.userDefined.update(properties)
    if images is not None:
        colours = ct.proto.FeatureTypes_pb2.ImageFeatureType
        for feature in (*description.input, *description.output):
            kind = colours.GRAYSCALE if feature.name == MASK else colours.RGB
            feature.type.imageType.width, feature.type.imageType.height = images.width, images.height
            feature.type.imageType.colorSpace = kind
    for feature in (*description.input, *description.output):
        feature.shortDescription = WORDS[feature.name]
    ct.models.utils.save_spec(specification, str(path), weights_dir=model.weights_dir)
    for file in path.rglob("*"):
        if file.is_file():
            file.chmod((path / "Manifest.json").stat().st_mode & 0o777)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without its progress bars, and without what it says of packages that are not used here."""
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    with contextlib.redirect_stderr(StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
