"""Which opset a file is of: the oldest that has what it uses, so that older engines open it, or the one asked for."""

from __future__ import annotations

from typing import Literal

import onnx
from onnx import helper

from lama_deploy.errors import ConfigError
from lama_export.graph.builder import DOMAIN, OPSET
from lama_export.graph.spectral import OPSET_OF_DFT

Spectral = Literal["function", "inline", "dft"]
GraphPrecision = Literal["fp32", "fp16", "bf16"]
OPSET_OF_BFLOAT16 = 22  # the first whose convolutions take it
IR_VERSION_OF_FUNCTIONS = 8


def least_opset(spectral: Spectral, precision: GraphPrecision) -> int:
    """The oldest with every operator of this form, for the types that it is used for."""
    if precision == "bf16":
        return OPSET_OF_BFLOAT16
    return OPSET_OF_DFT if spectral == "dft" else OPSET


def chosen_opset(asked: int | None, least: int) -> int:
    """`asked`, or `least`. Raises ConfigError for one that is too old, or newer than the installed onnx knows."""
    newest = onnx.defs.onnx_opset_version()
    if asked is not None and not least <= asked <= newest:
        raise ConfigError(
            f"--opset {asked} cannot be written: this file needs {least} or newer, and the installed onnx "
            f"{onnx.__version__} knows up to {newest}"
        )
    return least if asked is None else asked


def imports(opset: int, *, functions: bool) -> tuple[list[onnx.OperatorSetIdProto], int]:
    """A file's opset imports, with our own domain where it has functions of it, and the IR version that they need."""
    standard = helper.make_opsetid("", opset)
    version = helper.find_min_ir_version_for([standard])
    if not functions:
        return [standard], version
    return [standard, helper.make_opsetid(DOMAIN, 1)], max(version, IR_VERSION_OF_FUNCTIONS)
