"""Not a family: pickles that attack, each for a reason of its own."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from tests.hostile.families._pickles import (
    ORDERED_DICT,
    PROTOCOL,
    REBUILD,
    dictionary,
    lightning,
    name,
    number,
    numbers,
    state_dict,
    storage,
    tensor,
    text,
)

MODULE = name("__torch__.a", "B") + b")\x81"
STEM = "model.1.ffc.convl2l.weight"
NORM = "model.1.bn_l.bias"
Shapes = Mapping[str, tuple[int, ...]]


def new_fields(offset: int) -> bytes:
    """The state of a np.dtype whose field lies elsewhere, so that its elements are read from there."""
    field = dictionary({"bfloat16": b"(" + name("numpy", "dtype") + b"(" + text("u2") + b"tR" + number(offset) + b"t"})
    names = b"(" + text("bfloat16") + b"t"
    return b"(" + number(3) + text("<") + b"N" + names + field + number(2) + number(1) + number(0) + b"t"


def changed_type(kind: str, offset: int) -> bytes:
    """What the library's own type would be after it, for all that follow."""
    return PROTOCOL + name("torch", kind) + new_fields(offset) + b"b0"


def shared_modules(levels: int) -> bytes:
    """Each of them twice in the one above: 2^levels paths."""
    parts = [MODULE + dictionary({"w": tensor("0", (1,))}) + b"bq\x00"]
    parts += [
        MODULE + b"}(" + text("a") + b"h" + bytes([i]) + text("b") + b"h" + bytes([i]) + b"ubq" + bytes([i + 1])
        for i in range(levels)
    ]
    return PROTOCOL + b"".join(parts) + b"."


def crafted(shapes: Shapes) -> dict[str, bytes]:
    """Pickle by what it tries."""
    weights = state_dict(shapes)[:-1]  # not yet closed: "u" follows
    return {
        **_types(shapes),
        **_layouts(shapes),
        **_sizes(),
        **_objects(),
        "attack among the callbacks": PROTOCOL + weights + text("x") + name("os", "system") + text("true") + b"\x85Ru.",
        "attack as a key": PROTOCOL + weights + name("os", "system") + text("true") + b"\x85RNu.",
        "import of a module": PROTOCOL + name("importlib", "import_module") + text("antigravity") + b"\x85R.",
        "evaluated text": PROTOCOL + name("builtins", "eval") + text("open('sentinel', 'w')") + b"\x85R.",
        "name through a permitted one": b"\x80\x04" + text("pathlib") + text("PosixPath.touch") + b"\x93.",
        "extension": PROTOCOL + b"\x82\xf0)R.",
        "name with an escape": b"\x80\x04" + text("os\n\x1b[2J") + text("system\r") + b"\x93.",
        "name that is half a character": b"\x80\x04" + text("\ud800") + text("\udfff") + b"\x93.",
        "name of a megabyte": b"\x80\x04" + text("o" * 1_000_000) + text("s") + b"\x93.",
    }


def _types(shapes: Shapes) -> dict[str, bytes]:
    after = lightning(shapes, {STEM: tensor("s", shapes[STEM], kind="BFloat16Storage")})[2:]
    whole = lightning(shapes)[2:]
    return {
        "state of bfloat16": changed_type("BFloat16Storage", 0x7F00) + after,
        "state of float32": changed_type("FloatStorage", 1 << 20) + whole,
        "state of every type": b"".join(changed_type(k, 4096) for k in ("LongStorage", "HalfStorage")) + whole,
        "state of a type through the memo": PROTOCOL + name("torch", "BFloat16Storage") + b"q\x07h\x07"
        + new_fields(255) + b"b0" + after,
        "state of a type in a storage": PROTOCOL + storage("s", "BFloat16Storage") + new_fields(9) + b"b0" + after,
        "type as a class": PROTOCOL + name("torch", "BFloat16Storage") + b")\x81" + new_fields(9) + b"b0" + after,
        "items of a type": PROTOCOL + name("torch", "FloatStorage") + text("names") + b"Ns0" + whole,
        "state of a function": PROTOCOL + REBUILD + b"N}" + text("__defaults__") + numbers((1,)) + b"s\x86b0" + whole,
        "state of a tensor": PROTOCOL + tensor("s", (1,)) + dictionary({"shape": numbers((9,) * 9)}) + b"b0" + whole,
        "class of an object": PROTOCOL + name("omegaconf", "X") + b")\x81" + dictionary({"__class__": b"N"}) + b"b0"
        + whole,
        "complex numbers": lightning(shapes, {STEM: tensor("s", shapes[STEM], kind="ComplexFloatStorage")}),
        "quantised numbers": lightning(shapes, {STEM: tensor("s", shapes[STEM], kind="QInt8Storage")}),
        "wider numbers than there are": lightning(shapes, {STEM: tensor(STEM, shapes[STEM], kind="DoubleStorage")}),
        **{
            f"torch's {function}": PROTOCOL + name("torch._utils", function) + b")R."
            for function in ("_rebuild_sparse_tensor", "_rebuild_meta_tensor_no_storage", "_rebuild_qtensor")
        },
        "float8": PROTOCOL + name("torch._utils", "_rebuild_tensor_v3") + b")R.",
    }  # fmt: skip


def _layouts(shapes: Shapes) -> dict[str, bytes]:
    width = shapes[NORM][0]
    layouts = {
        "offset of a gigabyte": tensor(NORM, (width,), offset=number(1 << 28)),
        "offset beyond 64 bits": tensor(NORM, (width,), offset=number(1 << 70)),
        "offset below zero": tensor(NORM, (width,), offset=number(-1)),
        "offset that is a float": tensor(NORM, (width,), offset=b"F0.0\n"),
        "offset that is a truth": tensor(NORM, (width,), offset=b"\x88"),
        "offset that is text": tensor(NORM, (width,), offset=text("0")),
        "step below zero": tensor(NORM, (width,), (-1,), offset=number(width - 1)),
        "step of 2^62": tensor(NORM, (width,), (1 << 62,)),
        "steps that wrap around": tensor(NORM, (width, 2), (1 << 63, 1 << 63)),
        "no steps": tensor(NORM, (width,), ()),
        "no elements": tensor(NORM, (0,)),
        "elements below zero": tensor(NORM, (-width,)),
        "2^62 elements": tensor(NORM, (1 << 62,), (0,)),
        "100 dimensions": tensor(NORM, (1,) * 99 + (width,)),
        "20 dimensions": tensor(NORM, (1,) * 19 + (width,)),
        "shape of truths": REBUILD + b"(" + storage(NORM) + number(0) + b"(\x88t(\x88t\x89NtR",
        "shape that is text": REBUILD + b"(" + storage(NORM) + number(0) + text("4") + numbers((1,)) + b"tR",
        "storage elsewhere": tensor("../../../etc/passwd", (width,)),
        "storage that is a pickle": tensor("../data.pkl", (width,)),
        "storage of a long name": tensor("s" * 100_000, (width,)),
        "storage of no name": tensor("", (width,)),
    }
    return {what: lightning(shapes, {NORM: layout}) for what, layout in layouts.items()}


def _sizes() -> dict[str, bytes]:
    """Small files that take hours or gigabytes where nothing is counted."""
    collide = (number(i * ((1 << 61) - 1)) + b"N" for i in range(1, 60_000))
    copies = b"h\x00\x85R0"
    attributes = b"".join(text(str(i)) + b"N" for i in range(2000))
    many = MODULE + b"}(" + attributes + b"ubq\x00"
    return {
        "modules shared on 40 levels": shared_modules(40),
        "module in itself": PROTOCOL + MODULE + b"q\x00}" + text("me") + b"h\x00sb.",
        "modules on 5,000 levels": PROTOCOL + MODULE + b"q\x00"
        + (MODULE + b"}" + text("a") + b"h\x00sbq\x00") * 5000 + b".",
        "module shared 2,000 times": PROTOCOL + many + MODULE + b"}("
        + b"".join(text(str(i)) + b"h\x00" for i in range(2000)) + b"ub.",
        "memo of 6 GB": PROTOCOL + b"]r" + struct.pack("<I", 0x18000000) + b".",
        "memo of a long number": PROTOCOL + b"]p" + b"9" * 4000 + b"\n.",
        "lists in lists": PROTOCOL + b"]" * 300_000 + b"a" * 299_999 + b".",
        "tuples in tuples as a key": PROTOCOL + b"})" + b"\x85" * 300_000 + b"Ns.",
        "numbers that collide as keys": PROTOCOL + b"}(" + b"".join(collide) + b"u.",
        "one long number as every key": PROTOCOL + b"}(" + number(1 << 8_000_000) + b"q\x000"
        + b"h\x00N" * 100_000 + b"u.",
        "number of 5,000 digits": PROTOCOL + b"L" + b"9" * 5000 + b"L\n.",
        "copies of a dictionary": PROTOCOL + ORDERED_DICT + b"q\x010}("
        + b"".join(text(str(i)) + b"N" for i in range(9999)) + b"uq\x000"
        + b"".join(b"h\x01" + copies for _ in range(50_000)) + b"N.",
        "copies of pairs": PROTOCOL + ORDERED_DICT + b"q\x010](" + (text("a") + b"N\x86") * 9999
        + b"eq\x000" + b"".join(b"h\x01" + copies for _ in range(50_000)) + b"N.",
        "a million sets": b"\x80\x04" + b"\x8f" * 999_000 + b".",
        "two million dictionaries": PROTOCOL + b"}" * 2_100_000 + b".",
        "marks": PROTOCOL + b"(" * 500_000 + b".",
        "text of 2^60 bytes": b"\x80\x04\x8d" + struct.pack("<Q", 1 << 60) + b"a.",
        "bytes of 2^63": b"\x80\x05\x96" + struct.pack("<Q", (1 << 63) - 1) + b"a.",
        "frame of 2^63": b"\x80\x04\x95" + struct.pack("<Q", (1 << 63) - 1) + b"N.",
        "20 MB": PROTOCOL + text("a" * 20_000_000) + b".",
    }  # fmt: skip


def _objects() -> dict[str, bytes]:
    """What no pickle of a checkpoint does."""
    return {
        "nothing": b"",
        "only an end": b".",
        "no end": PROTOCOL + b"}",
        "another protocol": b"\x80\xff}.",
        "value that is not there": PROTOCOL + b"0.",
        "mark that is not there": PROTOCOL + b"NNt.",
        "buffer from outside": b"\x80\x05\x97.",
        "call of a tensor": PROTOCOL + tensor("0", (1,)) + b")R.",
        "call of a module": PROTOCOL + name("__torch__.os", "system") + text("true") + b"\x85R.",
        "call of a list": PROTOCOL + b"])R.",
        "dictionary of text": PROTOCOL + ORDERED_DICT + text("aabb") + b"\x85R.",
        "odd items": PROTOCOL + b"}(NNNu.",
        "weights under a number": PROTOCOL + b"}" + number(1) + tensor("0", (1,)) + b"s.",
        "another persistent id": PROTOCOL + b"(" + text("module") + name("torch", "FloatStorage") + text("0") + b"tQ.",
        "persistent text": b"Pstorage\n.",
        "text that is no UTF-8": PROTOCOL + b"X\x02\0\0\0\xff\xfe.",
    }
