"""What is in a LiteRT file, as its format's own reader tells it."""

from collections import Counter
from pathlib import Path
from typing import Any

from ai_edge_litert import schema_py_generated as schema

NAMES = {number: name for name, number in vars(schema.BuiltinOperator).items() if isinstance(number, int)}
TYPES = {number: name for name, number in vars(schema.TensorType).items() if isinstance(number, int)}


def operators(file: Path) -> Counter[str]:
    """By name, how many there are."""
    model = schema.Model.GetRootAs(file.read_bytes())
    return Counter(_name(model, operator) for operator in _operators(model))


def convolutions(file: Path) -> dict[str, str]:
    """Names of what they make, and the types of their weights."""
    model = schema.Model.GetRootAs(file.read_bytes())
    tensors = model.Subgraphs(0).Tensors
    return {
        tensors(one.Outputs(0)).Name().decode(): TYPES[tensors(one.Inputs(1)).Type()]
        for one in _operators(model)
        if _name(model, one) in ("CONV_2D", "TRANSPOSE_CONV")
    }


def _operators(model: Any) -> list[Any]:
    graph = model.Subgraphs(0)
    return [graph.Operators(number) for number in range(graph.OperatorsLength())]


def _name(model: Any, operator: Any) -> str:
    return NAMES[model.OperatorCodes(operator.OpcodeIndex()).BuiltinCode()]
