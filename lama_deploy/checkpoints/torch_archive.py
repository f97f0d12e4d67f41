"""Reads torch's zip archives (`torch.save`, `torch.jit.save`) without torch and without running what is in them.

A pickle is a program. This unpickler lets it build tensors, containers and inert placeholders, and nothing else: no
name in the file is ever imported. Names that official checkpoints are known to carry (configuration and callback
objects) become placeholders that keep nothing; any other name is refused.
"""

from __future__ import annotations

import io
import math
import pickle
import zipfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.errors import CheckpointError, UnsafeCheckpointError

BFLOAT16 = np.dtype([("bfloat16", np.uint16)])  # NumPy has none: the bits, under a name
STORAGE_DTYPES: Mapping[str, Any] = {
    "BFloat16Storage": BFLOAT16,
    "FloatStorage": np.float32,
    "DoubleStorage": np.float64,
    "HalfStorage": np.float16,
    "LongStorage": np.int64,
    "IntStorage": np.int32,
    "ShortStorage": np.int16,
    "CharStorage": np.int8,
    "ByteStorage": np.uint8,
    "BoolStorage": np.bool_,
}
# Packages whose objects official checkpoints carry beside the weights (PyTorch Lightning, OmegaConf, LaMa itself).
INERT_PACKAGES = {"omegaconf", "pytorch_lightning", "lightning", "lightning_fabric", "saicinpainting", "typing"}
BUILTINS = (
    "object",
    "dict",
    "list",
    "tuple",
    "set",
    "frozenset",
    "int",
    "long",
    "float",
    "str",
    "unicode",
    "bool",
    "bytes",
)
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


class Inert:
    """Stands for any object that is not a tensor or a container. Takes whatever the pickle does to it."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Inert:
        return object.__new__(cls)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        pass

    def __setstate__(self, state: Any) -> None:
        pass

    def __setitem__(self, key: Any, value: Any) -> None:
        pass

    def append(self, item: Any) -> None:
        pass

    def extend(self, items: Any) -> None:
        pass


class ScriptModule:
    """A TorchScript object: its attributes by name."""

    def __init__(self) -> None:
        self.attributes: dict[str, Any] = {}

    def __setstate__(self, state: Any) -> None:
        self.attributes = state if isinstance(state, dict) else {}


class Sealed:
    """What a pickle may name and use, but not change: its state would otherwise go straight into `__dict__`."""

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("it sets the state of something that has none")


@dataclass(frozen=True)
class StorageRef(Sealed):
    key: str
    dtype: np.dtype[Any]


@dataclass(frozen=True)
class TensorRef(Sealed):
    """Where a tensor lies in the archive; offset and strides in elements."""

    storage: StorageRef
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]


class TorchArchive:
    """An open archive: `root` is the unpickled structure with TensorRef leaves, `read` loads one of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._zip = zipfile.ZipFile(path)
        except (zipfile.BadZipFile, EOFError, ValueError, NotImplementedError) as error:
            raise CheckpointError(
                f"{path}: not a complete torch archive (truncated download, or saved by torch older than 1.6); "
                "fetch it again or re-save it with a newer torch"
            ) from error
        self._prefix = self._find_prefix()
        self.root = self._unpickle()

    def __enter__(self) -> TorchArchive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._zip.close()

    def tensors(self) -> dict[str, TensorRef]:
        """All tensors by dotted name: of the state_dict, a dict holding one, or a TorchScript module tree."""
        root = self.root
        if isinstance(root, dict) and isinstance(root.get("state_dict"), dict):
            root = root["state_dict"]
        try:
            return dict(_named_tensors(root, ""))
        except RecursionError as error:
            raise CheckpointError(f"{self.path}: modules nested without end; the file is damaged") from error

    def read(self, ref: TensorRef) -> Array:
        """A copy of one tensor. Raises CheckpointError when it reaches outside its storage."""
        raw = self._read_entry(f"data/{ref.storage.key}")
        itemsize = ref.storage.dtype.itemsize
        flat = np.frombuffer(raw, ref.storage.dtype, count=len(raw) // itemsize)
        sane = len(ref.shape) == len(ref.strides) and min((ref.offset, *ref.strides)) >= 0 and min((1, *ref.shape)) > 0
        extent = sum((size - 1) * stride for size, stride in zip(ref.shape, ref.strides, strict=False))
        if not sane or ref.offset + extent >= flat.size or math.prod(ref.shape) > flat.size:
            raise CheckpointError(f"{self.path}: a tensor is empty or reaches outside its data; the file is damaged")
        strides = [stride * itemsize for stride in ref.strides]
        tensor = np.lib.stride_tricks.as_strided(flat[ref.offset :], ref.shape, strides).copy()
        return tensor if tensor.dtype != BFLOAT16 else (tensor["bfloat16"].astype(np.uint32) << 16).view(np.float32)

    def _find_prefix(self) -> str:
        pickles = [name for name in self._zip.namelist() if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise CheckpointError(
                f"{self.path}: a zip file, but not a torch archive; give the .ckpt, .pt or .safetensors itself, "
                "or the unpacked directory"
            )
        return pickles[0].removesuffix("data.pkl")

    def _read_entry(self, name: str) -> bytes:
        try:
            info = self._zip.getinfo(self._prefix + name)
            if info.compress_type != zipfile.ZIP_STORED:
                raise UnsafeCheckpointError(f"{self.path}: torch writes uncompressed archives, this one is compressed")
            return self._zip.read(info)
        except (KeyError, zipfile.BadZipFile, EOFError, OSError, RuntimeError, ValueError) as error:
            raise CheckpointError(f"{self.path}: entry {name!r} is missing or damaged; fetch the file again") from error

    def _unpickle(self) -> Any:
        stream = io.BytesIO(self._read_entry("data.pkl"))
        try:
            return _RestrictedUnpickler(stream, self.path).load()
        except CheckpointError:
            raise
        except Exception as error:  # a damaged pickle fails in any way it likes; none of them is a traceback's worth
            raise CheckpointError(
                f"{self.path}: the pickle inside is damaged ({error}); fetch the file again"
            ) from error


class _RestrictedUnpickler(pickle.Unpickler):
    def __init__(self, stream: Any, path: Path) -> None:
        super().__init__(stream)
        self._path = path

    def find_class(self, module: str, name: str) -> Any:
        module = {"__builtin__": "builtins", "copy_reg": "copyreg"}.get(module, module)
        allowed = _ALLOWED.get((module, name))
        if allowed is not None:
            return allowed
        if module == "torch" and name in STORAGE_DTYPES:
            return np.dtype(STORAGE_DTYPES[name])
        if module == "__torch__" or module.startswith("__torch__."):
            return ScriptModule
        if (module, name) in INERT_NAMES or module.split(".")[0] in INERT_PACKAGES:
            return Inert
        raise UnsafeCheckpointError(
            f"{self._path}: refused, nothing was run: the pickle asks for {f'{module}.{name}'!r}, which no LaMa "
            "checkpoint needs; fetch the file from its official source, or ask its author for .safetensors"
        )

    def persistent_load(self, pid: Any) -> StorageRef:
        kind, dtype, key = pid[:3]
        if kind != "storage" or not isinstance(dtype, np.dtype) or not isinstance(key, str):
            raise pickle.UnpicklingError(f"unknown persistent id {kind!r}")
        return StorageRef(key, dtype)


class Builder(Sealed):
    """A function for pickles to call: a bare one has defaults that they could set."""

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *args: Any) -> Any:
        return self._function(*args)


def _rebuild_tensor(storage: StorageRef, offset: int, shape: Any, strides: Any, *unused: Any) -> TensorRef:
    if not isinstance(storage, StorageRef):
        raise pickle.UnpicklingError("a tensor without a storage")
    return TensorRef(storage, int(offset), tuple(map(int, shape)), tuple(map(int, strides)))


def _first(value: Any, *unused: Any) -> Any:
    return value


class _StateDict(dict[Any, Any]):
    """OrderedDict's stand-in: swallows the `_metadata` attribute that state_dicts carry."""

    def __setstate__(self, state: Any) -> None:
        pass


_ALLOWED: dict[tuple[str, str], Callable[..., Any]] = {
    ("collections", "OrderedDict"): _StateDict,
    ("torch._utils", "_rebuild_tensor_v2"): Builder(_rebuild_tensor),
    ("torch._utils", "_rebuild_parameter"): Builder(_first),
    **{("torch.jit._pickle", f"build_{kind}list"): Builder(_first) for kind in ("int", "double", "bool", "tensor")},
    ("torch.jit._pickle", "restore_type_tag"): Builder(_first),
}


def _named_tensors(node: Any, prefix: str) -> Iterator[tuple[str, TensorRef]]:
    children = node.attributes if isinstance(node, ScriptModule) else node
    if not isinstance(children, dict):
        return
    for name, child in children.items():
        if isinstance(child, TensorRef):
            yield f"{prefix}{name}", child
        elif isinstance(child, ScriptModule):
            yield from _named_tensors(child, f"{prefix}{name}.")
