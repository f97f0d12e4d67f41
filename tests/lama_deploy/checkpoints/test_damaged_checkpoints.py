"""Damaged, crafted and foreign checkpoint files: each gets its own clear error, and none is believed."""

import math
import pickle
import re
import zipfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file
from torch import Tensor

from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint
from lama_deploy.checkpoints.keys import expected_shapes
from lama_deploy.checkpoints.torch_archive import TorchArchive
from lama_deploy.checkpoints.zip_entries import ZipEntries
from lama_deploy.disk import sha256_of
from lama_deploy.errors import CheckpointError, UnsafeCheckpointError
from lama_deploy.variants import GeneratorConfig

FAKES = ("pytorch_lightning.callbacks.ModelCheckpoint", "omegaconf.dictconfig.DictConfig")
STEM = "model.1.ffc.convl2l.weight"
NORM = "model.1.bn_l.bias"


def tensors(checkpoint: Checkpoint, prefix: str = "") -> dict[str, Tensor]:
    return {prefix + key: torch.from_numpy(np.array(array)) for key, array in checkpoint.state_dict.items()}


@pytest.fixture
def ckpt(tmp_path: Path, tiny: Checkpoint) -> Path:
    path = tmp_path / "weights.ckpt"
    torch.save({"state_dict": tensors(tiny, "generator.")}, path)
    return path


def at(position: float) -> Callable[[bytes], bytes]:
    return lambda data: data[: int(len(data) * position)]


def flip(marker: bytes, offset: int, bits: int) -> Callable[[bytes], bytes]:
    def damage(data: bytes) -> bytes:
        changed = bytearray(data)
        changed[data.index(marker) + offset] ^= bits
        return bytes(changed)

    return damage


def rezipped(names: Callable[[str], bool], compression: int) -> Callable[[bytes], bytes]:
    def rewrite(data: bytes) -> bytes:
        out = BytesIO()
        with zipfile.ZipFile(BytesIO(data)) as old, zipfile.ZipFile(out, "w", compression) as new:
            for name in filter(names, old.namelist()):
                new.writestr(name, old.read(name))
        return out.getvalue()

    return rewrite


DIRECTORY = b"PK\x01\x02"  # of a zip archive; its first entry is data.pkl
DAMAGED_FILES = {
    "empty": (lambda data: b"", "truncated download"),
    "first bytes": (at(0.0001), "truncated download"),
    "half": (at(0.5), "truncated download"),
    "almost whole": (lambda data: data[:-1], "truncated download"),
    "another file": (lambda data: b"<html>404</html>" * 99, "not a complete torch archive"),
    "a legacy pickle": (lambda data: pickle.dumps({"state_dict": {}}, 2), "saved by torch older than 1.6"),
    "needs a newer zip": (flip(DIRECTORY, 6, 0x80), "not a complete torch archive"),
    "name not UTF-8": (flip(DIRECTORY, 46, 0x80), "not a (complete )?torch archive"),
    "encrypted": (flip(DIRECTORY, 8, 0x01), "'data.pkl' is missing or damaged"),
    "patched": (flip(DIRECTORY, 8, 0x20), "'data.pkl' is missing or damaged"),
    "no torch archive": (rezipped(lambda name: "data/" in name, zipfile.ZIP_STORED), "a zip file, but not a torch"),
    "no storages": (rezipped(lambda name: "data/" not in name, zipfile.ZIP_STORED), "'data/0' is missing or damaged"),
    "compressed": (rezipped(lambda name: True, zipfile.ZIP_DEFLATED), "torch writes uncompressed archives"),
}


@pytest.mark.parametrize("damage", DAMAGED_FILES)
def test_damaged_file(ckpt, damage):
    change, message = DAMAGED_FILES[damage]
    ckpt.write_bytes(change(ckpt.read_bytes()))
    with pytest.raises(CheckpointError, match=f"^{re.escape(str(ckpt))}: .*{message}") as caught:
        load_checkpoint(ckpt)
    assert "\n" not in str(caught.value)


def test_flipped_byte_inside_a_tensor_fails_its_checksum(ckpt, tiny):
    ckpt.write_bytes(flip(tiny.state_dict[STEM].tobytes(), 1000, 1)(ckpt.read_bytes()))
    with pytest.raises(CheckpointError, match=r"entry 'data/\d+' is missing or damaged; fetch the file again"):
        load_checkpoint(ckpt)


def test_flipped_bits_anywhere_in_the_zip_directory_are_the_files_fault(torch_zip, tiny):
    whole = write_crafted(torch_zip, tiny, {}).read_bytes()
    start = whole.index(DIRECTORY)
    path = torch_zip(b"")
    for position in (*range(start, start + 120), *range(len(whole) - 22, len(whole))):
        path.write_bytes(whole[:position] + bytes([whole[position] ^ 0x81]) + whole[position + 1 :])
        try:
            assert load_checkpoint(path).config == tiny.config
        except CheckpointError as error:
            assert str(error).startswith(str(path))


@pytest.mark.parametrize("suffix", [".ckpt", ".safetensors"])
def test_missing_file(tmp_path, suffix):
    with pytest.raises(CheckpointError, match=f"none{suffix}: no such file"):
        load_checkpoint(tmp_path / f"none{suffix}")


@pytest.mark.parametrize("name", ["x" * 300, "x/" * 3000, "zero\0.ckpt"])
def test_names_that_no_file_can_have(name):
    with pytest.raises(CheckpointError, match=r"no such file|cannot be read"):
        load_checkpoint(name)


@pytest.mark.parametrize("keep", [0, 5, 0.5, -1])
def test_truncated_safetensors(tmp_path, tiny, keep):
    data = tiny.path.read_bytes()
    (tmp_path / "w.safetensors").write_bytes(data[: int(len(data) * keep) if isinstance(keep, float) else keep])
    with pytest.raises(CheckpointError, match=r"not a readable .safetensors file"):
        load_checkpoint(tmp_path / "w.safetensors")


BAD_TENSORS = {
    "missing": (lambda state: state.pop(NORM), f"1 tensors are missing, first {NORM}"),
    "wrong shape": (lambda state: state.update({NORM: torch.zeros(9)}), rf"first {NORM}: \(9,\) instead of \(8,\)"),
    "NaN": (lambda state: state[NORM].fill_(math.nan), f"NaN or infinity in 1 tensors, first {NORM}"),
    "infinity": (lambda state: state[NORM][3].fill_(-math.inf), f"NaN or infinity in 1 tensors, first {NORM}"),
    "no LaMa": (lambda state: [state.pop(key) for key in list(state) if ".1." in key], "no LaMa generator inside"),
    "another net": (lambda state: state.clear() or state.update(fc=torch.zeros(3)), r"no LaMa generator.*\(1 tensors"),
    "half a LaMa": (
        lambda state: [state.pop(key) for key in list(state) if "l2g" in key],
        "belong to no LaMa generator",
    ),
}


@pytest.mark.parametrize("fault", BAD_TENSORS)
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_tensors_that_make_no_generator(tmp_path, tiny, fault, suffix):
    change, message = BAD_TENSORS[fault]
    state, path = tensors(tiny), tmp_path / f"w{suffix}"
    change(state)
    if suffix == ".pth":
        torch.save(state, path)
    else:
        save_file({key: value.numpy() for key, value in state.items()}, path)
    with pytest.raises(CheckpointError, match=message):
        load_checkpoint(path)


class Crafted:
    """A tensor as a pickle describes it: offset, shape and strides in elements of the storage `key`."""

    def __init__(self, key: str, offset: int, shape: tuple[int, ...], strides: tuple[int, ...]) -> None:
        self.key, self.layout = key, (offset, shape, strides)


class CraftedPickler(pickle.Pickler):
    def persistent_id(self, obj):
        return obj if isinstance(obj, tuple) and obj[:1] == ("storage",) else None

    def reducer_override(self, obj):
        if not isinstance(obj, Crafted):
            return NotImplemented
        storage = ("storage", torch.FloatStorage, obj.key, "cpu", 0)
        return torch._utils._rebuild_tensor_v2, (storage, *obj.layout, False, OrderedDict())


def write_crafted(torch_zip: Callable[..., Path], tiny: Checkpoint, changed: Mapping[str, tuple]) -> Path:
    layouts = {key: (0, shape, contiguous(shape)) for key, shape in expected_shapes(tiny.config).items()} | changed
    stream = BytesIO()
    CraftedPickler(stream, 2).dump({key: Crafted(key, *layout) for key, layout in layouts.items()})
    storages = {key: np.asarray(array, np.float32).tobytes() for key, array in tiny.state_dict.items()}
    return torch_zip(stream.getvalue(), storages)


def contiguous(shape: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def test_crafted_archive_is_otherwise_good(torch_zip, tiny):
    loaded = load_checkpoint(write_crafted(torch_zip, tiny, {}))
    assert loaded.config == tiny.config
    assert all(np.array_equal(loaded.state_dict[key], array) for key, array in tiny.state_dict.items())


@pytest.mark.parametrize(
    "layout",
    [
        (1, (8,), (1,)),
        (10**9, (8,), (1,)),
        (0, (8,), (2,)),
        (7, (8,), (-1,)),
        (-4, (8,), (1,)),
        (0, (8,), ()),
        (0, (8, -1), (1, 1)),
        (0, (0,), (1,)),
        (0, (10**12,), (0,)),
        (0, (10**40,), (1,)),
        (2**70, (8,), (1,)),
    ],
    ids=str,
)
def test_tensor_that_reaches_out_of_its_storage(torch_zip, tiny, layout):
    path = write_crafted(torch_zip, tiny, {NORM: layout})
    with pytest.raises(CheckpointError, match="is empty or reaches outside its data; the file is damaged"):
        load_checkpoint(path)


@pytest.mark.parametrize("width", [0, 10**400])
def test_layers_without_or_with_absurdly_many_channels(torch_zip, tiny, width):
    last = "model.4.ffc"
    layout = (0, (width, 32, 3, 3), (1, 1, 1, 1))
    path = write_crafted(torch_zip, tiny, {f"{last}.convl2l.weight": layout, f"{last}.convl2g.weight": layout})
    with pytest.raises(CheckpointError, match="belong to no LaMa generator"):
        load_checkpoint(path)


def test_one_storage_under_every_name_is_built_once_at_most(torch_zip):
    """3 GB of weights in 6 MB of file."""
    shapes = expected_shapes(GeneratorConfig(blocks=300))
    stream = BytesIO()
    CraftedPickler(stream, 2).dump({key: Crafted("0", 0, shape, contiguous(shape)) for key, shape in shapes.items()})
    path = torch_zip(stream.getvalue(), {"0": bytes(4 * max(map(math.prod, shapes.values())))})
    with pytest.raises(CheckpointError, match=r"describes 3,\d+,\d+,\d+ bytes of weights in 6,\d+,\d+ bytes of file"):
        load_checkpoint(path)


@pytest.mark.parametrize(("order", "taken"), [(b"little", True), (b"big", False)])
def test_byte_order(torch_zip, tiny, order, taken):
    path = write_crafted(torch_zip, tiny, {})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("archive/byteorder", order)
    if taken:
        assert load_checkpoint(path).config == tiny.config
    else:
        with pytest.raises(CheckpointError, match="its numbers are of byte order big; save it as 'little'"):
            load_checkpoint(path)


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_entries_of_one_name(torch_zip, tiny):
    path = write_crafted(torch_zip, tiny, {})
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr(f"archive/data/{NORM}", bytes(32))
    with pytest.raises(CheckpointError, match="two entries have the same name"):
        load_checkpoint(path)


def test_directory_that_is_larger_than_any_checkpoints(torch_zip):
    path = torch_zip(b"N.", {f"{i:0100}": b"" for i in range(30_000)})
    with pytest.raises(CheckpointError, match=r"its directory has 4,\d+,\d+ bytes, of .* at most 4,194,304"):
        load_checkpoint(path)


def test_entries_that_lie_over_one_another(torch_zip, tiny):
    """Each names the same bytes of the file, which together have more than the file."""
    path = write_crafted(torch_zip, tiny, {})
    data = bytearray(path.read_bytes())
    records = [match.start() for match in re.finditer(re.escape(DIRECTORY), bytes(data))]
    largest = max(records, key=lambda start: int.from_bytes(data[start + 20 : start + 24], "little"))
    for start in records[1:]:
        data[start + 16 : start + 28] = data[largest + 16 : largest + 28]
        data[start + 42 : start + 46] = data[largest + 42 : largest + 46]
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match=r"is missing or damaged|together larger than the file"):
        load_checkpoint(path)


def test_no_more_is_read_than_the_file_has_bytes(torch_zip):
    """However its entries lie over one another."""
    entries = ZipEntries(torch_zip(b"N.", {"0": bytes(1000)}))
    entries.read("archive/data/0")
    with pytest.raises(CheckpointError, match="its entries are together larger than the file"):
        entries.read("archive/data/0")
    entries.close()


def test_compressed_archive_is_called_unsafe(ckpt):
    ckpt.write_bytes(DAMAGED_FILES["compressed"][0](ckpt.read_bytes()))
    with pytest.raises(UnsafeCheckpointError):
        load_checkpoint(ckpt)


def test_hash_is_of_the_file_that_was_read(ckpt, tiny, monkeypatch):
    """Another one that takes its place meanwhile is not mixed up with it."""
    wanted, read = sha256_of(ckpt), TorchArchive.read

    def replaced(*arguments):
        (ckpt.parent / "other").write_bytes(b"other")
        (ckpt.parent / "other").replace(ckpt)
        return read(*arguments)

    monkeypatch.setattr(TorchArchive, "read", replaced)
    assert load_checkpoint(ckpt).sha256 == wanted != sha256_of(ckpt)
