"""Not a family: pickles of checkpoints written opcode by opcode, so that any of them can be wrong."""

from __future__ import annotations

import math
import pickletools
import struct
from collections.abc import Iterable, Mapping
from random import Random

PROTOCOL = b"\x80\x02"
REBUILD = b"ctorch._utils\n_rebuild_tensor_v2\n"
ORDERED_DICT = b"ccollections\nOrderedDict\n"
Shape = tuple[int, ...]


def text(value: str) -> bytes:
    encoded = value.encode("utf-8", "surrogatepass")
    return b"X" + struct.pack("<I", len(encoded)) + encoded


def number(value: int) -> bytes:
    encoded = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<I", len(encoded)) + encoded


def numbers(values: Iterable[int]) -> bytes:
    return b"(" + b"".join(map(number, values)) + b"t"


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def contiguous(shape: Shape) -> Shape:
    return tuple(math.prod(shape[axis + 1 :]) for axis in range(len(shape)))


def storage(key: str, kind: str = "FloatStorage") -> bytes:
    return b"(" + text("storage") + name("torch", kind) + text(key) + text("cpu") + number(0) + b"tQ"


def tensor(
    key: str, shape: Shape, strides: Shape | None = None, offset: bytes = number(0), kind: str = "FloatStorage"
) -> bytes:
    layout = numbers(shape) + numbers(contiguous(shape) if strides is None else strides)
    return REBUILD + b"(" + storage(key, kind) + offset + layout + b"\x89" + ORDERED_DICT + b")RtR"


def dictionary(items: Mapping[str, bytes]) -> bytes:
    return b"}(" + b"".join(text(key) + value for key, value in items.items()) + b"u"


def state_dict(shapes: Mapping[str, Shape], changed: Mapping[str, bytes] | None = None) -> bytes:
    """Each tensor in the storage of its own name."""
    return dictionary({key: tensor(key, shape) for key, shape in shapes.items()} | dict(changed or {}))


def lightning(shapes: Mapping[str, Shape], changed: Mapping[str, bytes] | None = None) -> bytes:
    """A checkpoint as the official training writes it, with objects beside the weights."""
    state = b"".join(
        text(f"generator.{key}") + value
        for key, value in ({key: tensor(key, shape) for key, shape in shapes.items()} | dict(changed or {})).items()
    )
    callback = b"}(" + name("pytorch_lightning.callbacks", "ModelCheckpoint") + dictionary({"score": b"F0.5\n"}) + b"u"
    settings = name("omegaconf.dictconfig", "DictConfig") + b")\x81" + dictionary({"_content": b"N"}) + b"b"
    weights = ORDERED_DICT + b")R(" + state + b"u" + dictionary({"_metadata": b"N"}) + b"b"
    content = {"epoch": number(39), "state_dict": weights, "callbacks": callback, "hyper_parameters": settings}
    return PROTOCOL + dictionary(content) + b"."


def script(shapes: Mapping[str, Shape]) -> bytes:
    """Modules as TorchScript has them: one for every part of a name."""
    tree: dict[str, object] = {}
    for key, shape in shapes.items():
        *modules, last = f"model.generator.{key}".split(".")
        level = tree
        for module in modules:
            level = level.setdefault(module, {})  # type: ignore[assignment]
        level[last] = tensor(key, shape)
    return PROTOCOL + _module(tree) + b"."


def _module(tree: Mapping[str, object]) -> bytes:
    items = {key: value if isinstance(value, bytes) else _module(value) for key, value in tree.items()}  # type: ignore[arg-type]
    return name("__torch__.torch.nn", "Module") + b")\x81" + dictionary(items) + b"b"


SNIPPETS = [
    *(bytes([code]) for code in b"(.012NQR]abdelo}stu)\x81\x85\x86\x87\x88\x89\x8f\x90\x91\x92\x93\x94\x97\x98"),
    *(
        b"K\x00",
        b"K\x01",
        b"M\xff\xff",
        b"J\xff\xff\xff\xff",
        b"I01\n",
        b"I7\n",
        b"L9L\n",
        b"F1e400\n",
        b"G" + bytes(8),
    ),
    *(b"h\x00", b"q\x00", b"j\xff\xff\xff\x18", b"r\x00\x00\x00\x18", b"g0\n", b"p1\n", b"\x82\xf0", b"P0\n"),
    *(b"U\x01a", b"S'a'\n", b"V\\u0041\n", b"\x8c\x01a", b"C\x01a", b"B\x01\0\0\0a", b"\x80\x05", b"G" + bytes(8)),
    *(text("weight"), text("state_dict"), text("\ud800"), text("a" * 300), numbers((2, 3)), numbers(()), number(2**70)),
    *(REBUILD, ORDERED_DICT, name("torch", "BFloat16Storage"), name("__torch__", "M"), name("numpy", "dtype")),
    *(
        b"]Na",
        b"](NNe",
        b"(1",
        b"(i__torch__.a\nB\n",
        b"(Niomegaconf\nX\n",
        b"(c__torch__.a\nB\no",
        b"(" + text("a") + b"Nd",
    ),
    *(ORDERED_DICT + b"](" + text("a") + b"N\x86N\x85e\x85R", ORDERED_DICT + b"}\x85R", ORDERED_DICT + b"]\x85R"),
    *(name("torch._utils", "_rebuild_parameter") + b")R", name("torch.jit._pickle", "build_intlist") + b"]\x85R"),
    *(name("omegaconf", "X"), name("builtins", "object"), name("os", "system"), storage("0"), tensor("0", (1,))),
]


def mutated(pickled: bytes, random: Random) -> bytes:
    """Some opcodes less, more, twice, in another place or with another argument."""
    positions = [position for _, _, position in pickletools.genops(pickled)]
    chunks = [pickled[a:b] for a, b in zip(positions, [*positions[1:], len(pickled)], strict=True)]
    for _ in range(random.choice((1, 1, 2, 5, 20))):
        i, j = random.randrange(len(chunks)), random.randrange(len(chunks))
        kind = random.randrange(6)
        if kind == 0:
            chunks[i] = b""
        elif kind == 1:
            chunks[i] += random.choice(SNIPPETS)
        elif kind == 2:
            chunks[i], chunks[j] = chunks[j], chunks[i]
        elif kind == 3:
            chunks[i] += chunks[j]
        elif kind == 4:
            chunks[i] = random.choice(SNIPPETS)
        elif chunks[i]:
            place = random.randrange(len(chunks[i]))
            chunks[i] = chunks[i][:place] + bytes([random.randrange(256)]) + chunks[i][place + 1 :]
    return b"".join(chunks)


def invented(random: Random) -> bytes:
    """Opcodes in any order, with some sense: most runs leave a value on the stack."""
    begun = [b"}", b"]", b")", ORDERED_DICT + b")R", name("__torch__.a", "B") + b")\x81", tensor("0", (1,))]
    parts = [PROTOCOL, random.choice(begun)]
    parts += [random.choice(SNIPPETS) for _ in range(random.randrange(1, 60))]
    return b"".join(parts) + b"."
