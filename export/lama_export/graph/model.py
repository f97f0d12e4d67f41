"""A generator's configuration and weights -> one ONNX model, any N, H and W."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any, Literal

import numpy as np
import onnx
from onnx import helper

from lama_deploy.arrays import Array
from lama_deploy.bundle import DECODER_PROPERTY, IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.onnx_functions import inline_functions
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.builder import (
    BFLOAT16,
    DOMAIN,
    IR_VERSION,
    IR_VERSION_OF_BFLOAT16,
    OPSET,
    OPSET_OF_BFLOAT16,
    GraphBuilder,
)
from lama_export.graph.generator import Decoder, emit_generator
from lama_export.graph.picture import Interface, emit_picture, picture_inputs, picture_outputs
from lama_export.graph.spectral import dft_conv_function, dft_matrices_function, spectral_conv_function

Spectral = Literal["function", "inline", "dft"]
GraphPrecision = Literal["fp32", "fp16", "bf16"]
DTYPES: Mapping[GraphPrecision, np.dtype[Any]] = {
    "fp32": np.dtype(np.float32),
    "fp16": np.dtype(np.float16),
    "bf16": BFLOAT16,
}


def onnx_from_state(
    config: GeneratorConfig,
    state_dict: Mapping[str, Array],
    *,
    io: Interface = "uint8",
    spectral: Spectral = "function",
    precision: GraphPrecision = "fp32",
    wide_sums: bool = False,
    decoder: Decoder = "whole",
) -> onnx.ModelProto:
    """The complete model, checked.

    spectral: "function" keeps the Fourier units as `lama.deploy::SpectralConv` nodes with an FFT-free local function,
        "inline" writes that function's body out, "dft" uses the standard DFT operator.
    precision: of the generator's weights and activations, written into the graph as types; the picture around it,
        the sigmoid and the making of the DFT matrices stay float32.
    wide_sums: ask for float32 sums in the products with DFT matrices (`spectral_conv_function`), not with "dft". An
        engine that does not fuse the casts which ask for it computes those products in float32.
    decoder: "hole" computes what follows the trunk for a window around the holes alone (`graph.window`), whose size
        depends on the mask; "whole" has no shape that depends on anything but the shapes of the inputs.
    """
    graph = GraphBuilder(DTYPES[precision])
    emit = partial(emit_generator, graph, config, state_dict, with_matrices=spectral != "dft", decoder=decoder)
    emit_picture(graph, config, io, emit)
    proto = helper.make_graph(
        graph.nodes,
        "lama",
        picture_inputs(io),
        picture_outputs(io),
        list(graph.initializers.values()),
        value_info=graph.value_infos,
    )
    opset = OPSET_OF_BFLOAT16 if precision == "bf16" else OPSET
    functions = _functions(config, spectral, DTYPES[precision if wide_sums else "fp32"], opset)
    model = _model_with_functions(proto, functions, opset, keep=spectral == "function")
    helper.set_model_props(model, {IO_PROPERTY: io, PRECISION_PROPERTY: precision, DECODER_PROPERTY: decoder})
    onnx.checker.check_model(model, full_check=True)
    return model


def _functions(config: GeneratorConfig, spectral: Spectral, products: Any, opset: int) -> list[onnx.FunctionProto]:
    if config.kind != "ffc":
        return []
    if spectral == "dft":
        return [dft_conv_function(opset)]
    return [spectral_conv_function(products, opset), dft_matrices_function(opset)]


def _model_with_functions(
    graph: onnx.GraphProto, functions: list[onnx.FunctionProto], opset: int, *, keep: bool
) -> onnx.ModelProto:
    standard, ours = helper.make_opsetid("", opset), helper.make_opsetid(DOMAIN, 1)
    model = helper.make_model(
        graph,
        opset_imports=[standard, ours] if functions else [standard],
        functions=functions,
        ir_version=IR_VERSION if opset == OPSET else IR_VERSION_OF_BFLOAT16,
        producer_name="lama-deploy",
    )
    if keep or not functions:
        return model
    inlined = inline_functions(model)
    del inlined.opset_import[:]
    inlined.opset_import.append(standard)
    return inlined
