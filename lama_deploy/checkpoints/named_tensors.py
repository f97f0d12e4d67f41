"""Tensors by their dotted names, out of what a pickle described."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from lama_deploy.checkpoints.pickle_values import DamagedPickleError, ScriptModule, TensorRef

# Modules may be shared, so that a small tree has any number of paths through it: 2^40 in 5 kB.
MOST_LEVELS = 64  # of modules in modules; a generator's trace has 8
MOST_DICTS = 4  # of dicts in dicts that are looked into; {"model": {"params_ema": ...}} has two
MOST_ATTRIBUTES = 1_000_000  # looked at, of all modules together; a trace of big-lama has 15,000
MOST_CHARACTERS = 400  # of a tensor's name with those of the modules around it; a generator's have 70

Items = Iterator[tuple[str, Any]]
Groups = dict[str, dict[str, TensorRef]]


def tensor_groups(root: Any) -> Groups:
    """The tensors of every dict in dicts that has some, by the dict's dotted place ("" for the root), then by name.

    A tree of TorchScript modules, as the root or in a dict, adds its tensors under their dotted names. Each dict is
    looked into once, at the place that is nearest to the root.
    Raises DamagedPickleError for trees that go on without end.
    """
    found: Groups = {}
    looked_at = 0
    places: list[tuple[str, int, Any]] = [("", 0, root)]
    seen = {id(root)}
    while places:
        place, level, node = places.pop(0)
        tensors, looked_at = _named_tensors(node, looked_at)
        if tensors:
            found[place] = tensors
        for name, child in _items(node) if isinstance(node, dict) and level < MOST_DICTS else ():
            if isinstance(child, dict) and id(child) not in seen:
                seen.add(id(child))
                places.append((_joined(f"{place}." if place else "", name), level + 1, child))
    return found


def _named_tensors(root: Any, looked_at: int) -> tuple[dict[str, TensorRef], int]:
    """Of a dict or module, with those of modules in it; and how many attributes were looked at, `looked_at` before."""
    found: dict[str, TensorRef] = {}
    levels: list[tuple[str, Items]] = [("", _items(root))]
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
    return found, looked_at


def _items(node: Any) -> Items:
    children = node.attributes if isinstance(node, ScriptModule) else node
    return iter(children.items() if isinstance(children, dict) else ())


def _joined(prefix: str, name: str) -> str:
    if len(prefix) + len(name) > MOST_CHARACTERS:
        raise DamagedPickleError(f"a tensor's name is longer than {MOST_CHARACTERS} characters")
    return prefix + name
