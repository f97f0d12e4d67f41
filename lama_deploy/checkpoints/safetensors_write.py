"""Writes .safetensors of ours: equal tensors make equal bytes, which the safetensors package does not promise."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import BinaryIO

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.safetensors_file import digest, type_name
from lama_deploy.checkpoints.safetensors_header import CONFIG_METADATA, DIGEST_METADATA, METADATA


def write_safetensors(stream: BinaryIO, tensors: Mapping[str, Array], config: str) -> None:
    """Tensors by name, the wider types first, so that all are aligned; config: JSON for the metadata.

    Raises KeyError for a type that files of ours have not, OSError when the disk refuses.
    """
    sealed = digest({name: (type_name(array), array.shape, array) for name, array in tensors.items()}, config)
    header: dict[str, object] = {METADATA: {CONFIG_METADATA: config, DIGEST_METADATA: sealed}}
    names = sorted(tensors, key=lambda name: (-tensors[name].itemsize, name))
    end = 0
    for name in names:
        begin, end = end, end + tensors[name].nbytes
        shape = list(tensors[name].shape)
        header[name] = {"dtype": type_name(tensors[name]), "shape": shape, "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    stream.write(len(text).to_bytes(8, "little") + text)
    for name in names:
        stream.write(np.ascontiguousarray(tensors[name]).data)
