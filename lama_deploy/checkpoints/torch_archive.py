"""Reads torch's zip archives (`torch.save`, `torch.jit.save`) without torch and without running what is in them.

Budgets: what is read is at most the file's own size, whatever its directory says, since entries are stored as they
are and each is read once; so is what is built of it, in the types it is stored in.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.named_tensors import Groups, tensor_groups
from lama_deploy.checkpoints.opening import open_file
from lama_deploy.checkpoints.pickle_names import UnknownNameError
from lama_deploy.checkpoints.pickle_reader import MOST_BYTES, read_pickle
from lama_deploy.checkpoints.pickle_values import DamagedPickleError, TensorRef, UnreadableTensorError
from lama_deploy.checkpoints.stored_types import ALLOWED, ITEM_BYTES, elements, reaches_out, strided, values
from lama_deploy.checkpoints.zip_entries import ZipEntries
from lama_deploy.errors import CheckpointError, UnsafeCheckpointError, brief


def check_archive(path: Path) -> None:
    """What to ask before `torch.load`, whose own reader of weights gives 30 bytes of a pickle any amount of memory.

    Raises CheckpointError or UnsafeCheckpointError for an archive that holds more than data, or not all of it. Files
    of torch before 1.6, which are no archives, are let be.
    """
    with open_file(path) as stream:
        zipped = stream.read(4) == b"PK\3\4"
    if zipped:
        with TorchArchive(path) as archive:
            archive.check_entries()


class TorchArchive:
    """An open archive: `root` is the pickled structure with TensorRef leaves, `read` loads some of them."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._entries = ZipEntries(path)
        try:
            self._prefix = self._find_prefix()
            self._check_byte_order()
            self.root = self._unpickle()
        except BaseException:
            self._entries.close()
            raise

    def __enter__(self) -> TorchArchive:
        return self

    def __exit__(self, *exception: object) -> None:
        self._entries.close()

    def groups(self) -> Groups:
        """All tensors, by the dict that holds them, then by dotted name: see `tensor_groups`."""
        try:
            return tensor_groups(self.root)
        except DamagedPickleError as error:
            raise CheckpointError(f"{self.path}: {error}; the file is damaged") from error

    def check(self, refs: Mapping[str, TensorRef]) -> None:
        """Raise CheckpointError unless each tensor lies in its storage and all of them are no more than the file."""
        for key, ref in refs.items():
            self._check_layout(key, ref)
        built = sum(math.prod(ref.shape) * ITEM_BYTES[ref.storage.kind] for ref in refs.values())
        if built > self._entries.file_size:
            raise CheckpointError(
                f"{self.path}: describes {built:,} bytes of weights in {self._entries.file_size:,} bytes of file; "
                "tensors that share their data are not expected; the file is damaged"
            )

    def read(self, refs: Mapping[str, TensorRef]) -> dict[str, Array]:
        """Copies of tensors, bfloat16 as float32. Raises CheckpointError for what `check` refuses or is damaged."""
        self.check(refs)
        by_storage: dict[str, list[str]] = defaultdict(list)
        for key, ref in refs.items():
            by_storage[ref.storage.key].append(key)
        read: dict[str, Array] = {}
        for storage, keys in by_storage.items():
            raw = self._entries.read(self._entry_of(storage))
            for key in keys:
                ref = refs[key]
                flat = elements(raw, ref.storage.kind)
                read[key] = values(strided(flat, ref.offset, ref.shape, ref.strides), ref.storage.kind)
        return {key: read[key] for key in refs}

    def check_entries(self) -> None:
        """Raise CheckpointError where one is compressed or not all there."""
        for name in self._entries.names:
            self._entries.size(name)

    def sha256(self) -> str:
        """Of the whole file, in hex."""
        return self._entries.sha256()

    def _check_layout(self, key: str, ref: TensorRef) -> None:
        kind = ref.storage.kind
        if kind not in ITEM_BYTES:
            raise CheckpointError(f"{self.path}: {brief(key)} is stored as {kind}; allowed: {ALLOWED}; convert it")
        count = self._entries.size(self._entry_of(ref.storage.key)) // ITEM_BYTES[kind]
        if reaches_out(ref.offset, ref.shape, ref.strides, count):
            raise CheckpointError(
                f"{self.path}: the tensor {brief(key)} is empty or reaches outside its data; the file is damaged"
            )

    def _entry_of(self, storage: str) -> str:
        return f"{self._prefix}data/{storage}"

    def _find_prefix(self) -> str:
        pickles = [name for name in self._entries.names if name.endswith("/data.pkl") and name.count("/") == 1]
        if len(pickles) != 1:
            raise CheckpointError(
                f"{self.path}: a zip file, but not a torch archive; give the .ckpt, .pt or .safetensors itself, "
                "or the unpacked directory"
            )
        return pickles[0].removesuffix("data.pkl")

    def _check_byte_order(self) -> None:
        entry = f"{self._prefix}byteorder"
        order = self._entries.read(entry) if entry in self._entries.names else b"little"
        if order != b"little":
            raise CheckpointError(f"{self.path}: its numbers are of byte order {brief(order)}; save it as 'little'")

    def _unpickle(self) -> Any:
        entry = f"{self._prefix}data.pkl"
        if self._entries.size(entry) > MOST_BYTES:
            raise CheckpointError(f"{self.path}: the pickle inside is larger than {MOST_BYTES:,} bytes, which none is")
        try:
            return read_pickle(self._entries.read(entry))
        except UnknownNameError as error:
            raise UnsafeCheckpointError(
                f"{self.path}: refused, nothing was run: the pickle asks for '{error}', which no LaMa checkpoint "
                "needs; fetch the file from its official source, or ask its author for .safetensors"
            ) from error
        except UnreadableTensorError as error:
            raise CheckpointError(
                f"{self.path}: holds {error}; allowed: dense tensors of {ALLOWED}; save the weights as such"
            ) from error
        except DamagedPickleError as error:
            raise CheckpointError(
                f"{self.path}: the pickle inside is damaged ({error}); fetch the file again"
            ) from error
