"""A generator's configuration and weights -> one ONNX model, any N, H and W."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np
import onnx
from onnx import helper

from lama_deploy.arrays import Array
from lama_deploy.bundle import DECODER_PROPERTY, IO_PROPERTY, PRECISION_PROPERTY, SPECTRAL_PROPERTY
from lama_deploy.onnx_functions import inline_functions
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.builder import BFLOAT16, GraphBuilder
from lama_export.graph.generator import Decoder, emit_generator
from lama_export.graph.opsets import GraphPrecision, Spectral, chosen_opset, imports, least_opset
from lama_export.graph.picture import Interface, emit_picture, picture_inputs, picture_outputs
from lama_export.graph.spectral import dft_conv_function, dft_matrices_function, spectral_conv_function

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
    spectral: Spectral = "inline",
    precision: GraphPrecision = "fp32",
    wide_sums: bool = False,
    decoder: Decoder = "whole",
    opset: int | None = None,
    basic: bool = False,
) -> onnx.ModelProto:
    """The complete model, checked.

    spectral: "inline" writes the Fourier units as matrix products, by standard operators that every engine has;
        "function" keeps them as `lama.deploy::SpectralConv` nodes, each with that as its local function, for engines
        with a plugin; "dft" uses the standard DFT operator.
    precision: of the generator's weights and activations, written into the graph as types; the picture around it,
        the sigmoid and the making of the DFT matrices stay float32.
    wide_sums: ask for float32 sums in the products with DFT matrices (`spectral_conv_function`), not with "dft". An
        engine that does not fuse the casts which ask for it computes those products in float32.
    decoder: "hole" computes what follows the trunk for a window around the holes alone (`graph.window`), whose size
        depends on the mask; "whole" has no shape that depends on anything but the shapes of the inputs.
    opset: None for the oldest that has what this form uses (`opsets`). basic: see `layers.Layers`.
    Raises ConfigError for an opset that it cannot be written in.
    """
    opset = chosen_opset(opset, least_opset(spectral, precision))
    graph = GraphBuilder(DTYPES[precision], opset)
    emit = partial(
        emit_generator, graph, config, state_dict, with_matrices=spectral != "dft", decoder=decoder, basic=basic
    )
    emit_picture(graph, config, io, emit)
    proto = helper.make_graph(
        graph.nodes,
        "lama",
        picture_inputs(io),
        picture_outputs(io),
        list(graph.initializers.values()),
        value_info=graph.value_infos,
    )
    functions = _functions(config, spectral, DTYPES[precision if wide_sums else "fp32"], opset)
    model = _model_with_functions(proto, functions, opset, keep=spectral == "function")
    helper.set_model_props(model, _properties(io, precision, decoder, spectral))
    onnx.checker.check_model(model, full_check=True)
    return model


def _properties(io: Interface, precision: GraphPrecision, decoder: Decoder, spectral: Spectral) -> dict[str, str]:
    """What the file says of itself."""
    named = (IO_PROPERTY, PRECISION_PROPERTY, DECODER_PROPERTY, SPECTRAL_PROPERTY)
    return dict(zip(named, (io, precision, decoder, spectral), strict=True))


def _functions(config: GeneratorConfig, spectral: Spectral, products: Any, opset: int) -> list[onnx.FunctionProto]:
    if config.kind != "ffc":
        return []
    if spectral == "dft":
        return [dft_conv_function(opset)]
    return [spectral_conv_function(products, opset), dft_matrices_function(opset)]


def _model_with_functions(
    graph: onnx.GraphProto, functions: list[onnx.FunctionProto], opset: int, *, keep: bool
) -> onnx.ModelProto:
    imported, ir_version = imports(opset, functions=bool(functions))
    model = helper.make_model(
        graph, opset_imports=imported, functions=functions, ir_version=ir_version, producer_name="lama-deploy"
    )
    if keep or not functions:
        return model
    inlined = inline_functions(model)
    del inlined.opset_import[:]
    imported, inlined.ir_version = imports(opset, functions=False)
    inlined.opset_import.extend(imported)
    return inlined
