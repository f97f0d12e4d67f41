"""The names that pickles of LaMa checkpoints carry, and what a call of each of them gives. None is ever imported.

Names that official checkpoints are known to carry (configuration and callback objects) stand for inert values that
keep nothing; any other name is refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lama_deploy.checkpoints.pickle_values import (
    INERT,
    DamagedPickleError,
    Name,
    ScriptModule,
    StorageRef,
    TensorRef,
    UnreadableTensorError,
)
from lama_deploy.checkpoints.stored_types import ITEM_BYTES, UNREADABLE
from lama_deploy.errors import brief

MOST_DIMENSIONS = 32  # of any tensor in a checkpoint, whoever needs it; a generator's have 4
# Packages whose objects official checkpoints carry beside the weights (PyTorch Lightning, OmegaConf, LaMa itself).
INERT_PACKAGES = {"omegaconf", "pytorch_lightning", "lightning", "lightning_fabric", "saicinpainting", "typing"}
NUMBERS = ("int", "long", "float", "bool")
BUILTINS = ("object", "dict", "list", "tuple", "set", "frozenset", "bytes", "str", "unicode", *NUMBERS)
INERT_NAMES = {
    *(("builtins", name) for name in BUILTINS),
    *(("collections", name) for name in ("defaultdict", "Counter", "deque")),
    *(("numpy.core.multiarray", name) for name in ("scalar", "_reconstruct")),
    *(("numpy._core.multiarray", name) for name in ("scalar", "_reconstruct")),
    *(("numpy", name) for name in ("dtype", "ndarray")),
    *(("torch", name) for name in ("Size", "device", "float32", "float64", "float16", "bfloat16", "int64")),
    ("argparse", "Namespace"),
    ("pathlib", "PosixPath"),
    ("pathlib", "WindowsPath"),
    ("_codecs", "encode"),
    ("copyreg", "_reconstructor"),
}
ORDERED_DICT = Name("collections", "OrderedDict")
REBUILD_TENSOR = Name("torch._utils", "_rebuild_tensor_v2")
# Calls of these give their first argument.
FIRST = {
    Name("torch._utils", "_rebuild_parameter"),
    *(Name("torch.jit._pickle", f"build_{kind}list") for kind in ("int", "double", "bool", "tensor")),
    Name("torch.jit._pickle", "restore_type_tag"),
}
CALLABLE = {ORDERED_DICT, REBUILD_TENSOR, *FIRST}
# How torch saves tensors that are not dense, or of no type that a storage of its own is named after.
NOT_DENSE = {
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_sparse_csr_tensor": "a sparse tensor",
    "_rebuild_nested_tensor": "a nested tensor",
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without data (of the device 'meta')",
    "_rebuild_tensor_v3": "a tensor of a type such as float8",
}
RENAMED = {"__builtin__": "builtins", "copy_reg": "copyreg"}  # by Python 3


class UnknownNameError(Exception):
    """A pickle asks for something that no LaMa checkpoint needs; the message is the name."""


def resolve(module: str, name: str) -> Name:
    """A name that checkpoints carry. Raises UnknownNameError, UnreadableTensorError for tensors not dense."""
    found = Name(RENAMED.get(module, module), name)
    if found in CALLABLE or is_storage(found) or is_script(found) or is_inert(found):
        return found
    if found.module == "torch._utils" and name in NOT_DENSE:
        raise UnreadableTensorError(NOT_DENSE[name])
    raise UnknownNameError(brief(str(found)))


def is_storage(name: Name) -> bool:
    return name.module == "torch" and (name.name in ITEM_BYTES or name.name in UNREADABLE)


def is_script(name: Name) -> bool:
    return name.module.split(".", 1)[0] == "__torch__"


def is_inert(name: Name) -> bool:
    return (name.module, name.name) in INERT_NAMES or name.module.split(".", 1)[0] in INERT_PACKAGES


def made_by_class(name: Name) -> Any:
    """An empty object of a class. Raises DamagedPickleError for what is no class."""
    if is_script(name):
        return ScriptModule()
    if name == ORDERED_DICT:
        return {}
    if is_inert(name):
        return INERT
    raise DamagedPickleError(f"{brief(str(name))} is no class that has objects of its own")


def tensor_of(arguments: Sequence[Any]) -> TensorRef:
    """What torch's `_rebuild_tensor_v2(storage, offset, shape, strides, ...)` describes."""
    if len(arguments) < 4 or type(arguments[0]) is not StorageRef:
        raise DamagedPickleError("a tensor without a storage")
    storage, offset, shape, strides = arguments[:4]
    if type(offset) is not int:
        raise DamagedPickleError(f"a tensor's offset is {brief(offset)}; it must be an integer")
    return TensorRef(storage, offset, _integers("shape", shape), _integers("strides", strides))


def _integers(what: str, values: Any) -> tuple[int, ...]:
    if type(values) not in (tuple, list) or len(values) > MOST_DIMENSIONS:
        raise DamagedPickleError(f"a tensor's {what} must be at most {MOST_DIMENSIONS} integers, not {brief(values)}")
    if any(type(value) is not int for value in values):
        raise DamagedPickleError(f"a tensor's {what} must be integers, not {brief(values)}")
    return tuple(values)
