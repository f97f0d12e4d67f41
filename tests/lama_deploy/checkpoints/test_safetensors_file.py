"""Safetensors: read by their header's word where that holds, ours only with the tensors they were written with."""

import json
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch_file

from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.safetensors_file import SafetensorsFile, digest, read_safetensors, type_name
from lama_deploy.checkpoints.safetensors_header import CONFIG_METADATA, DIGEST_METADATA, METADATA
from lama_deploy.checkpoints.weights import DEMO_FILE
from lama_deploy.disk import sha256_of
from lama_deploy.errors import CheckpointError

KINDS = ["float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8", "bool"]


def parts(path: Path) -> tuple[dict, bytes]:
    """Header and data of a file."""
    whole = path.read_bytes()
    length = int.from_bytes(whole[:8], "little")
    return json.loads(whole[8 : 8 + length]), whole[8 + length :]


def write(path: Path, header: dict, data: bytes) -> Path:
    text = json.dumps(header).encode()
    path.write_bytes(struct.pack("<Q", len(text)) + text + data)
    return path


@pytest.mark.parametrize("kind", KINDS)
def test_every_type_is_read_as_torch_wrote_it(tmp_path, kind):
    wanted = {
        "a": torch.arange(-3, 9).reshape(3, 4).to(getattr(torch, kind)),
        "b": torch.ones(()),
        "c": torch.ones(0, 2),
    }
    save_torch_file(wanted, tmp_path / "w.safetensors")
    read = read_safetensors(tmp_path / "w.safetensors")
    for name, tensor in wanted.items():
        expected = (tensor.float() if kind == "bfloat16" else tensor).numpy()
        np.testing.assert_array_equal(read.tensors[name], expected, strict=True)
        assert read.tensors[name].flags.aligned and read.tensors[name].flags.writeable
    assert read.sha256 == sha256_of(tmp_path / "w.safetensors")


def test_tensors_at_odd_places_are_aligned(tmp_path):
    header = {
        "a": {"dtype": "U8", "shape": [3], "data_offsets": [0, 3]},
        "b": {"dtype": "F32", "shape": [2], "data_offsets": [3, 11]},
    }
    path = write(tmp_path / "w.safetensors", header, b"abc" + np.float32([1, 2]).tobytes())
    read = read_safetensors(path).tensors["b"]
    assert read.flags.aligned and read.tolist() == [1, 2]


@pytest.mark.parametrize("kind", ["float8_e4m3fn", "complex64", "uint16"])
def test_other_types_are_named_with_those_allowed(tmp_path, kind):
    save_torch_file({"x": torch.zeros(3).to(getattr(torch, kind))}, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=r"tensor 'x' is of type '\w+'; allowed: F64, F32, F16, BF16, I64"):
        read_safetensors(tmp_path / "w.safetensors")


def test_digest_covers_names_types_shapes_bytes_and_the_generator():
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    given = {"a": (type_name(array), array.shape, array)}
    others = [
        ({"b": given["a"]}, "{}"),
        ({"a": ("I32", array.shape, array)}, "{}"),
        ({"a": ("F32", (3, 2), array)}, "{}"),
        ({"a": ("F32", array.shape, array + 1)}, "{}"),
        ({"a": given["a"], "b": given["a"]}, "{}"),
        (given, "{} "),
    ]
    assert len({digest(*other) for other in others} | {digest(given, "{}")}) == len(others) + 1
    pair = {"a": given["a"], "b": given["a"]}
    assert digest(pair, "{}") == digest(dict(reversed(pair.items())), "{}")


def test_every_flipped_bit_of_ours_is_noticed_or_changes_nothing(tmp_path, tiny):
    whole = tiny.path.read_bytes()
    path = tmp_path / "w.safetensors"
    taken = 0
    for place in (*range(0, 400, 7), *range(400, len(whole), len(whole) // 150)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << place % 8]) + whole[place + 1 :])
        try:
            loaded = load_checkpoint(path)
        except CheckpointError:
            continue
        taken += 1
        assert loaded.config == tiny.config
        assert all(np.array_equal(loaded.state_dict[key], array) for key, array in tiny.state_dict.items())
    assert taken < 5  # of blanks and names in the metadata


def test_tensors_of_another_file_under_our_hash(tmp_path, tiny):
    header, data = parts(tiny.path)
    path = write(tmp_path / "w.safetensors", header, bytes(reversed(data)))
    with pytest.raises(CheckpointError, match=f"not those that it was written with: another {DIGEST_METADATA}"):
        load_checkpoint(path)
    header[METADATA] = {CONFIG_METADATA: header[METADATA][CONFIG_METADATA]}  # as before there were hashes
    assert load_checkpoint(write(path, header, data)).config == tiny.config
    header[METADATA]["lama_deploy.sha257"] = "0"
    with pytest.raises(CheckpointError, match=r"names 'lama_deploy.sha257', which this version does not know"):
        load_checkpoint(write(path, header, data))


def test_metadata_of_others_is_let_be(tmp_path, tiny):
    save_file(dict(tiny.state_dict), tmp_path / "w.safetensors", metadata={"author": "somebody"})
    assert load_checkpoint(tmp_path / "w.safetensors").config == tiny.config


def test_what_is_saved_is_what_the_library_reads(tmp_path, tiny):
    from safetensors.numpy import load_file

    save_checkpoint(tmp_path / "w.safetensors", tiny.config, tiny.state_dict, half=True)
    read = read_safetensors(tmp_path / "w.safetensors").tensors
    for name, array in load_file(tmp_path / "w.safetensors").items():
        np.testing.assert_array_equal(read[name], array, strict=True)


def test_equal_weights_make_equal_files(tmp_path, tiny):
    for name, state in (("a", tiny.state_dict), ("b", dict(reversed(tiny.state_dict.items())))):
        save_checkpoint(tmp_path / name, tiny.config, state)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes() == tiny.path.read_bytes()
    header, data = parts(tmp_path / "a")
    assert next(iter(header)) == METADATA and len(data) % 4 == 0
    assert all(value["data_offsets"][0] % 4 == 0 for name, value in header.items() if name != METADATA)


def test_the_shipped_file_has_no_hash_of_its_own_and_is_pinned():
    assert DIGEST_METADATA not in parts(DEMO_FILE)[0][METADATA]


def test_what_is_no_generator_is_told_by_its_header(tmp_path, monkeypatch):
    """A language model of 100 GB is not read first."""
    save_file({"lm_head.weight": np.zeros((4, 4), np.float32)}, tmp_path / "w.safetensors")
    monkeypatch.setattr(SafetensorsFile, "read", lambda self: pytest.fail("it was read"))
    with pytest.raises(CheckpointError, match="no LaMa generator"):
        load_checkpoint(tmp_path / "w.safetensors")


@pytest.mark.parametrize(
    ("error", "told"), [(MemoryError(), "takes more memory than there is"), (OSError(5, "I/O error"), "cannot be read")]
)
def test_machines_that_cannot_read_it(tiny, monkeypatch, error, told):
    def fails(self):
        raise error

    monkeypatch.setattr(SafetensorsFile, "read", fails)
    with pytest.raises(CheckpointError, match=told):
        load_checkpoint(tiny.path)


WRONG = {
    "shape of truths": ({"shape": [True, 8]}, r"has shape \[True, 8\]; allowed: at most 8 counts"),
    "shape of floats": ({"shape": [8.0]}, r"has shape \[8.0\]; allowed: at most 8 counts"),
    "shape below zero": ({"shape": [-2, -4]}, r"has shape \[-2, -4\]"),
    "nine dimensions": ({"shape": [1] * 8 + [8]}, r"has shape \[1, 1"),
    "places that are floats": (
        {"data_offsets": [0.0, 32.0]},
        r"has the data_offsets \[0.0, 32.0\]; allowed: two counts",
    ),
    "places from the end": ({"data_offsets": [-32, 0]}, r"has the data_offsets \[-32, 0\]"),
    "length of another shape": ({"shape": [7]}, "has another length than its shape and type say"),
    "more about it": ({"stride": [1]}, "needs dtype, shape and data_offsets, and nothing else"),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_a_header_cannot_say(tmp_path, tiny, case):
    header, data = parts(tiny.path)
    change, told = WRONG[case]
    header["model.1.bn_l.bias"] |= change
    with pytest.raises(CheckpointError, match=f"tensor 'model.1.bn_l.bias' {told}"):
        read_safetensors(write(tmp_path / "w.safetensors", header, data))


def test_name_that_stands_there_twice(tmp_path):
    one = '"x": {"dtype": "F32", "shape": [0], "data_offsets": [0, 0]}'
    text = f"{{{one}, {one}}}".encode()
    (tmp_path / "w.safetensors").write_bytes(struct.pack("<Q", len(text)) + text)
    with pytest.raises(CheckpointError, match="a name stands in it twice"):
        read_safetensors(tmp_path / "w.safetensors")
