"""What precision a LiteRT file computes in, read off its convolutions (`proof.labels`)."""

from __future__ import annotations

from pathlib import Path

from ai_edge_litert import schema_py_generated as schema

from lama_deploy.bundle import PRECISION_PROPERTY
from lama_deploy.runtime.backends.litert_file import checked_content, properties_of

TYPES = {schema.TensorType.FLOAT32: "fp32", schema.TensorType.FLOAT16: "fp16", schema.TensorType.INT8: "int8"}
# Of operators with weights: which input they are.
WEIGHTS = {schema.BuiltinOperator.CONV_2D: 1, schema.BuiltinOperator.TRANSPOSE_CONV: 1}
FOURIER_UNIT = "/fourier_unit/"


def read_litert(path: Path) -> tuple[str | None, set[str]]:
    """What the file says, and how the weights of its convolutions are stored, but for the Fourier units'.

    Raises BundleError, and whatever a damaged file lacks.
    """
    content = checked_content(path)
    model = schema.Model.GetRootAs(content)
    graph = model.Subgraphs(0)
    codes = [model.OperatorCodes(number).BuiltinCode() for number in range(model.OperatorCodesLength())]
    operators = [graph.Operators(number) for number in range(graph.OperatorsLength())]
    stored = {
        one.Outputs(0): one.Inputs(0)
        for one in operators
        if codes[one.OpcodeIndex()] == schema.BuiltinOperator.DEQUANTIZE
    }
    found = set()
    for one in operators:
        place = WEIGHTS.get(codes[one.OpcodeIndex()])
        if place is not None and FOURIER_UNIT not in graph.Tensors(one.Outputs(0)).Name().decode():
            tensor = graph.Tensors(stored.get(one.Inputs(place), one.Inputs(place)))
            found.add(TYPES.get(tensor.Type(), "another type"))
    return properties_of(path, content).get(PRECISION_PROPERTY), found
