"""What precision a Core ML package computes in, read off its convolutions (`proof.labels`)."""

from __future__ import annotations

from pathlib import Path

from lama_deploy.bundle import PRECISION_PROPERTY
from lama_deploy.proof.coreml_package import FLOAT16, FLOAT32, CoreMlPackage

TYPES = {FLOAT16: "fp16", FLOAT32: "fp32"}
QUANTISED = "constexpr_affine_dequantize"
FOURIER_UNIT = "_fourier_unit_"  # in the names of MIL, which have no slashes


def read_coreml(path: Path) -> tuple[str | None, set[str]]:
    """What the package says, and what its convolutions' weights are: stored in 8 bits, or computed in a float type.

    Raises BundleError, and whatever a damaged package lacks.
    """
    package = CoreMlPackage.read(path)
    makers = {output.name: one.type for one in package.block.operations for output in one.outputs}
    found = set()
    for operation in package.block.operations:
        if operation.type in ("conv", "conv_transpose") and FOURIER_UNIT not in operation.outputs[0].name:
            quantised = makers.get(operation.inputs["weight"].arguments[0].name) == QUANTISED
            kind = operation.outputs[0].type.tensorType.dataType
            found.add("int8" if quantised else TYPES.get(kind, "another type"))
    return package.properties.get(PRECISION_PROPERTY), found
