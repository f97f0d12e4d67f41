"""Tensors by their dotted names, out of what a pickle described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lama_deploy.checkpoints.pickle_values import DamagedPickleError, ScriptModule, TensorRef

# Modules may be shared, so that a small tree has any number of paths through it: 2^40 in 5 kB.
MOST_LEVELS = 64  # of modules in modules; a generator's trace has 8
MOST_ATTRIBUTES = 1_000_000  # looked at, of all modules together; a trace of big-lama has 15,000
MOST_CHARACTERS = 400  # of a tensor's name with those of the modules around it; a generator's have 70

Items = Iterator[tuple[str, Any]]


def named_tensors(root: Any) -> dict[str, TensorRef]:
    """Of a state_dict, of a dict that holds one as "state_dict", or of a tree of TorchScript modules.

    Raises DamagedPickleError for trees that go on without end.
    """
    if isinstance(root, dict) and isinstance(root.get("state_dict"), dict):
        root = root["state_dict"]
    found: dict[str, TensorRef] = {}
    levels: list[tuple[str, Items]] = [("", _items(root))]
    looked_at = 0
    while levels:
        prefix, items = levels[-1]
        for name, child in items:
            looked_at += 1
            if isinstance(child, TensorRef):
                found[_joined(prefix, name)] = child
            elif isinstance(child, ScriptModule):
                levels.append((f"{_joined(prefix, name)}.", _items(child)))
                break
        else:
            levels.pop()
        if len(levels) > MOST_LEVELS or looked_at > MOST_ATTRIBUTES:
            raise DamagedPickleError("modules nested without end")
    return found


def _items(node: Any) -> Items:
    children = node.attributes if isinstance(node, ScriptModule) else node
    return iter(children.items() if isinstance(children, dict) else ())


def _joined(prefix: str, name: str) -> str:
    if len(prefix) + len(name) > MOST_CHARACTERS:
        raise DamagedPickleError(f"a tensor's name is longer than {MOST_CHARACTERS} characters")
    return prefix + name
