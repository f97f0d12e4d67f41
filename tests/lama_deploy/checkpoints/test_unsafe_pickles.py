"""Attack pickles are refused with one line and none of them runs; objects that are let through are never imported."""

import copyreg
import pickle
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from lama_deploy.checkpoints import pickle_names, pickle_values, stored_types
from lama_deploy.checkpoints.checkpoint import load_checkpoint
from lama_deploy.checkpoints.pickle_values import INERT as NOTHING
from lama_deploy.checkpoints.torch_archive import TorchArchive
from lama_deploy.errors import CheckpointError, UnsafeCheckpointError

# Each builds the sentinel file when plain pickle.loads runs it; %s is the sentinel's path.
LIVE = {
    "os.system": "cos\nsystem\n(S'touch %s'\ntR.",
    "posix.system": "cposix\nsystem\n(S'touch %s'\ntR.",
    "eval": 'cbuiltins\neval\n(S\'open("%s", "w")\'\ntR.',
    "eval of Python 2": 'c__builtin__\neval\n(S\'open("%s", "w")\'\ntR.',
    "exec": 'cbuiltins\nexec\n(S\'open("%s", "w").close()\'\ntR.',
    "open": "cio\nopen\n(S'%s'\nS'w'\ntR.",
    "Popen": "csubprocess\nPopen\n((S'touch'\nS'%s'\nltR.",
    "getattr": "cbuiltins\ngetattr\n(cimportlib\nimport_module\n(S'os'\ntRS'system'\ntR(S'touch %s'\ntR.",
    "inst": "(S'touch %s'\nios\nsystem\n.",
    "obj": "(csubprocess\nPopen\n(S'touch'\nS'%s'\nlo.",
    "map": "cbuiltins\nlist\n(cbuiltins\nmap\n(cos\nsystem\n(S'touch %s'\nltRtR.",
    "dotted name": "\x80\x04\x8c\x07pathlib\x8c\x0fPosixPath.touch\x93cpathlib\nPath\n(S'%s'\ntR\x85R.",
    "reconstructor": "ccopyreg\n_reconstructor\n(csubprocess\nPopen\ncsubprocess\nPopen\n(S'touch'\nS'%s'\nltR.",
    "partial": "cfunctools\npartial\n(cos\nsystem\nS'touch %s'\ntR(tR.",
}
# Refused by name or by what they do with a name that is let through.
REFUSED = {
    "import_module": "cimportlib\nimport_module\n(S'antigravity'\ntR.",
    "runpy": "crunpy\nrun_path\n(S'%s'\ntR.",
    "pty": "cpty\nspawn\n((S'touch'\nS'%s'\nltR.",
    "torch.load": "ctorch\nload\n(S'%s'\ntR.",
    "torch hub": "ctorch.hub\nload\n(S'%s'\nS'x'\ntR.",
    "subclasses": "\x80\x04\x8c\x08builtins\x8c\x15object.__subclasses__\x93)R.",
    "globals": "\x80\x04\x8c\x0blama_deploy\x8c\x10Inpainter.__init\x93)R.",
    "getattr of a let-through class": "\x80\x04\x8c\x08builtins\x8c\x0bdict.update\x93)R.",
    "numpy": "cnumpy.testing._private.utils\nrunstring\n(S'1'\n}tR.",
    "torch rebuild": "ctorch._utils\n_rebuild_device_tensor_from_numpy\n(S'1'\ntR.",
    "name of many lines": "\x80\x04\x8c\x09os\nerror:\x8c\x06system\x93)R.",
}


def latin(code: str, sentinel: Path) -> bytes:
    return (code % sentinel if "%s" in code else code).encode("latin-1")


def in_state_dict(attack: bytes) -> bytes:
    return b"}(S'state_dict'\n}S'generator.model.1.weight'\n" + attack[:-1] + b"su."


def in_hyper_parameters(attack: bytes) -> bytes:
    return (
        b"}(S'state_dict'\n}S'hyper_parameters'\ncomegaconf.dictconfig\nDictConfig\n)\x81}S'_content'\n"
        + attack[:-1]
        + b"sbu."
    )


def as_argument(attack: bytes) -> bytes:
    return b"comegaconf.dictconfig\nDictConfig\n(" + attack[:-1] + b"tR."


PLACES = [lambda attack: attack, in_state_dict, in_hyper_parameters, as_argument]


@pytest.fixture
def sentinel(tmp_path: Path) -> Path:
    return tmp_path / "sentinel"


@pytest.mark.parametrize("attack", LIVE)
def test_attacks_are_real(attack, sentinel):
    kept = pickle.loads(latin(LIVE[attack], sentinel))
    deadline = time.monotonic() + 5
    while not sentinel.exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sentinel.exists()
    getattr(kept, "wait", getattr(kept, "close", int))()


@pytest.mark.parametrize("place", PLACES, ids=["alone", "state_dict", "hyper_parameters", "argument"])
@pytest.mark.parametrize("attack", LIVE | REFUSED)
def test_attack_is_refused_and_not_run(attack, place, sentinel, torch_zip):
    path = torch_zip(place(latin((LIVE | REFUSED)[attack], sentinel)))
    with pytest.raises(UnsafeCheckpointError, match="refused, nothing was run: the pickle asks for '") as caught:
        load_checkpoint(path)
    assert "\n" not in str(caught.value)
    assert not sentinel.exists()
    assert "antigravity" not in sys.modules


def test_attack_inside_torch_load_from_bytes(sentinel, torch_zip):
    inner = pickle.dumps(latin(LIVE["os.system"], sentinel), 2)[2:-1]
    path = torch_zip(b"\x80\x02ctorch.storage\n_load_from_bytes\n(" + inner + b"tR.")
    with pytest.raises(UnsafeCheckpointError, match=r"asks for 'torch\.storage\._load_from_bytes'"):
        load_checkpoint(path)
    assert not sentinel.exists()


def test_attack_in_a_file_written_by_torch(sentinel, tmp_path):
    class Attack:
        def __reduce__(self):
            return eval, (f'open("{sentinel}", "w")',)

    torch.save(
        {"state_dict": {"generator.model.1.weight": torch.zeros(2)}, "callbacks": [Attack()]}, tmp_path / "a.ckpt"
    )
    with pytest.raises(UnsafeCheckpointError, match="fetch the file from its official source"):
        load_checkpoint(tmp_path / "a.ckpt")
    assert not sentinel.exists()


def test_extension_registry_is_no_way_around(sentinel, torch_zip):
    copyreg.add_extension("os", "system", 240)
    try:
        path = torch_zip(b"\x80\x02\x82\xf0(S'touch " + str(sentinel).encode() + b"'\ntR.")
        with pytest.raises(UnsafeCheckpointError, match=r"asks for 'extension\.240'"):
            load_checkpoint(path)
    finally:
        copyreg.remove_extension("os", "system", 240)
    assert not sentinel.exists()


REBUILD = "ctorch._utils\n_rebuild_tensor_v2\n"
STORAGE = "(S'storage'\nctorch\nFloatStorage\nS'0'\ntQ"
MALFORMED = {
    "TorchScript class called": ("c__torch__.os\nsystem\n(S'touch %s'\ntR.", "positional argument"),
    "slots of a function": (REBUILD + "N}S'__defaults__'\n(I1\nts\x86b.", "state of something that has none"),
    "attribute of a function": (REBUILD + "}S'__wrapped__'\nI1\nsb.", "state of something that has none"),
    "attribute of a tensor": (REBUILD + f"({STORAGE}I0\n(t(ttR}}S'shape'\nNsb.", "state of something that has none"),
    "attribute of a storage": (STORAGE + "}S'key'\nNsb.", "state of something that has none"),
    "state of a class": ("comegaconf\nDictConfig\nN}S'__new__'\nI1\ns\x86b.", "state of something that has none"),
    "storage type called": ("ctorch\nFloatStorage\n(I1000000\ntR.", "not callable"),
    "text as persistent id": ("Pstorage\n.", "unknown persistent id"),
    "another persistent id": ("(S'module'\nctorch\nFloatStorage\nS'0'\ntQ.", "unknown persistent id module"),
    "storage without type": ("(S'storage'\nS'f'\nS'0'\ntQ.", "a storage without a type"),
    "tensor without storage": (REBUILD + "(S'0'\nI0\n(t(ttR.", "a tensor without a storage"),
    "memo that is empty": ("\x80\x02h\x07.", "recalls value 7, which it has not stored"),
    "no end": ("}", "exhausted before seeing STOP"),
    "nothing": ("", "exhausted before seeing STOP"),
    "type of an array changed": (
        "\x80\x02ctorch\nBFloat16Storage\n(K\x03U\x01<NU\x01f\x85}U\x01fcnumpy\ndtype\nU\x02u2\x85RM\x00\x7f\x86sK\x02K\x01K\x00tb.",
        "state of something that has none: of torch.BFloat16Storage",
    ),
    "buffers from outside": ("\x80\x05\x97.", "opcode NEXT_BUFFER"),
    "no value": ("0.", "value that is not there"),
    "no mark": ("t.", "mark that is not there"),
    "a value below the mark": ("I1\n(0R.", "value that is not there"),
    "a long integer": ("\x80\x02\x8b\x00\x04\x00\x00" + "\x7f" * 1024 + ".", "an integer of 8,191 bits"),
    "offset that is no integer": (REBUILD + f"({STORAGE}F1.0\n(t(ttR.", "offset is 1.0; it must be an integer"),
    "shape of booleans": (REBUILD + f"({STORAGE}I0\n(I01\nt(I1\nttR.", "shape must be integers, not"),
    "100 dimensions": (REBUILD + f"({STORAGE}I0\n({'I1' + chr(10)}" + "I1\n" * 99 + "t(ttR.", "at most 32 integers"),
}


def library_state() -> str:
    """What a pickle could try to change: types of NumPy's, our own classes and tables."""
    dtypes = [np.dtype(kind) for kind in "?bBhHiIqQefdFD"] + [np.dtype(kind) for kind in stored_types._NUMPY.values()]
    ours = [vars(module) for module in (pickle_values, pickle_names, stored_types)]
    classes = [dict(vars(value)) for names in ours for value in names.values() if isinstance(value, type)]
    tables = [value for names in ours for value in names.values() if isinstance(value, (dict, set, frozenset, tuple))]
    return repr(([(d.str, d.itemsize, d.fields, d.flags, d.metadata) for d in dtypes], classes, tables))


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_pickle_is_damage(case, sentinel, torch_zip):
    code, reason = MALFORMED[case]
    before = library_state()
    with pytest.raises(CheckpointError, match=rf"the pickle inside is damaged \(.*({reason})") as caught:
        load_checkpoint(torch_zip(latin(code, sentinel)))
    assert "\n" not in str(caught.value)
    assert not sentinel.exists()
    assert library_state() == before


INERT = {
    "class set through state": "comegaconf\nX\n)\x81}S'__class__'\ncbuiltins\nobject\nsb.",
    "reconstructed": "ccopyreg\n_reconstructor\n(comegaconf\nX\ncbuiltins\nobject\nNtR}S'__class__'\nI0\nsb.",
    "instance": "(S'a'\nipytorch_lightning.callbacks\nModelCheckpoint\n.",
    "new with keywords": "\x80\x04csaicinpainting.training\nConfig\n)}S'a'\nI1\ns\x92.",
    "list and dict of it": "clightning.fabric\nBag\n)\x81(I1\nI2\neS'k'\nI3\ns.",
    "numpy scalar": "cnumpy._core.multiarray\nscalar\n(cnumpy\ndtype\n(S'f8'\ntRS'12345678'\ntR.",
}


@pytest.mark.parametrize("case", INERT)
def test_inert_objects_stay_inert(case, torch_zip):
    path = torch_zip(INERT[case].encode("latin-1"))
    with TorchArchive(path) as archive:
        assert archive.root is NOTHING
        assert archive.groups() == {}


def test_packages_of_inert_objects_are_not_imported(sentinel, torch_zip, tmp_path, monkeypatch):
    for package in ("saicinpainting", "pytorch_lightning", "omegaconf", "__torch__"):
        monkeypatch.delitem(sys.modules, package, raising=False)
        (tmp_path / f"{package}.py").write_text(f"open({str(sentinel)!r}, 'w').close()")
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)
    path = torch_zip(b"(comegaconf\nX\ncsaicinpainting\nX\nc__torch__\nX\ncpytorch_lightning.core\nX\nl.")
    with pytest.raises(CheckpointError, match="no LaMa generator inside"):
        load_checkpoint(path)
    assert set(sys.modules) == before
    assert not sentinel.exists()


def test_modules_nested_in_themselves_end(torch_zip):
    path = torch_zip(b"\x80\x02c__torch__.a\nB\n)\x81q\x00}S'me'\nh\x00sb.")
    with pytest.raises(CheckpointError, match="modules nested without end"):
        load_checkpoint(path)


UNREADABLE = {
    "_rebuild_sparse_tensor": "a sparse tensor",
    "_rebuild_meta_tensor_no_storage": "a tensor without data",
    "_rebuild_qtensor": "a quantised tensor",
    "_rebuild_tensor_v3": "a tensor of a type such as float8",
}


@pytest.mark.parametrize("function", UNREADABLE)
def test_tensors_that_are_not_dense(function, torch_zip):
    with pytest.raises(CheckpointError, match=f"holds {UNREADABLE[function]}.*; allowed: dense tensors of float32"):
        load_checkpoint(torch_zip(f"ctorch._utils\n{function}\n)R.".encode()))


def test_torch_itself_writes_such_tensors(tmp_path, tiny):
    """The names are those that torch writes now."""
    for kept in (torch.eye(3).to_sparse(), torch.eye(3, device="meta"), torch.eye(3).to(torch.float8_e4m3fn)):
        torch.save({"state_dict": {"x": kept}}, tmp_path / "w.ckpt")
        with pytest.raises(CheckpointError, match=r"w\.ckpt: holds a (sparse )?tensor"):
            load_checkpoint(tmp_path / "w.ckpt")


SHARED = {
    "modules shared on 40 levels": (
        "\x80\x02" + "c__torch__.a\nB\n)\x81q\x00"
        + "".join(f"c__torch__.a\nB\n)\x81}}(U\x01ah{chr(i)}U\x01bh{chr(i)}ubq{chr(i + 1)}" for i in range(40)) + ".",
        "modules nested without end",
    ),
    "modules on 1,000 levels": (
        "\x80\x02c__torch__.a\nB\n)\x81q\x00"
        + "c__torch__.a\nB\n)\x81}U\x01ah\x00sbq\x00" * 1000 + ".",
        "modules nested without end",
    ),
    "steps": ("N0" * 1_100_000 + "N.", "more than 2,000,000 steps"),
    "copies of a dictionary": (
        "\x80\x02(" + "".join(f"X\x04\0\0\0{i:04d}N" for i in range(5000)) + "dq\x000ccollections\nOrderedDict\nq\x010"
        + "h\x01h\x00\x85R0" * 450 + "N.",
        "more than 2,000,000 steps",
    ),
    "long names": (
        "\x80\x02c__torch__.a\nB\n)\x81}X\x91\x01\0\0" + "n" * 401
        + f"{REBUILD}({STORAGE}I0\n(t(ttRsb.", "longer than 400 characters",
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", SHARED)
def test_small_files_that_would_take_for_ever(case, torch_zip):
    code, reason = SHARED[case]
    with pytest.raises(CheckpointError, match=reason):
        load_checkpoint(torch_zip(code.encode("latin-1")))


def test_memo_grows_by_what_is_stored_only(torch_zip):
    """An index of 0x18000000 in 139 bytes would take 6 GB of an array."""
    with TorchArchive(torch_zip(b"\x80\x02]r\x00\x00\x00\x180j\x00\x00\x00\x18.")) as archive:
        assert archive.root == []
