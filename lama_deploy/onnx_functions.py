"""An ONNX file with its local functions written out, under names that say where each value belongs."""

from __future__ import annotations

import onnx
from onnx import inliner


def inline_functions(model: onnx.ModelProto) -> onnx.ModelProto:
    """A copy without local functions. Values inside of them are named after the node that called: "unit/dft_h"."""
    inlined = inliner.inline_local_functions(model)
    _name_after_callers(inlined.graph)
    return inlined


def _name_after_callers(graph: onnx.GraphProto) -> None:
    """Put the values of inlined functions, which the inliner calls "dft_h__7", into the scope of their caller.

    A function's last node makes the value that the caller named, so the scope is that of the next such value.
    """
    renamed: dict[str, str] = {}
    caller = ""
    for node in reversed(graph.node):
        for index, value in enumerate(node.output):
            name, mark, _ = value.rpartition("__")
            if mark:
                renamed[value] = node.output[index] = f"{caller}/{name}"
            else:
                caller = value
    for node in graph.node:
        node.input[:] = [renamed.get(value, value) for value in node.input]
        node.name = node.name or node.output[0]
