"""What callers may hand to an Inpainter: arrays, tensors and objects of every kind, right or refused in one line."""

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.errors import LamaDeployError
from tests.hostile.families.pictures import Inverting

TIME_BOUND = 60.0
MEMORY_BUDGET = 300 << 20
COUNT = 300
RGB = np.random.default_rng(3).integers(0, 256, (6, 9, 3), dtype=np.uint8)
HOLE = (RGB[..., 0] > 128).astype(np.uint8)
CHW = torch.from_numpy(RGB.transpose(2, 0, 1).copy())
FLOAT8 = [getattr(torch, name) for name in dir(torch) if name.startswith("float8_")]


class Raising:
    """An object whose every door is a trap."""

    def __array__(self, *arguments: Any, **options: Any) -> Any:
        raise RuntimeError("no\narray " * 10_000)

    def __dlpack_device__(self) -> Any:
        raise KeyError("no device")

    def __repr__(self) -> str:
        raise ValueError("no words")


class Claiming:
    """It says that it is a trillion pixels at address 0."""

    def __init__(self) -> None:
        self.__array_interface__ = {"shape": (10**6, 10**6, 3), "typestr": "|u1", "data": (0, True), "version": 3}


def broadcast(*shape: int, dtype: Any = np.uint8) -> np.ndarray:
    return np.broadcast_to(np.ones((), dtype), shape)


def structured(fields: int) -> np.ndarray:
    return np.zeros((4, 5, 3), np.dtype([(f"field{index}", "u1") for index in range(fields)]))


def masked(some: bool) -> np.ndarray:
    return np.ma.masked_array(RGB, np.full(RGB.shape, some))


def tensor_of(dtype: torch.dtype) -> torch.Tensor:
    return (CHW / 255).to(dtype)


# (what it is, whether it must be taken: None leaves that open)
CRAFTED: list[tuple[Callable[[], Any], bool | None]] = [
    (lambda: tensor_of(torch.bfloat16), True),
    *((lambda dtype=dtype: tensor_of(dtype), None) for dtype in FLOAT8),
    (lambda: tensor_of(torch.complex64), False),
    (lambda: torch.conj(tensor_of(torch.complex64)), False),
    (lambda: torch.complex(CHW / 255, -(CHW / 255)).conj().imag, True),
    (lambda: CHW.to_sparse(), False),
    (lambda: torch.eye(9).to_sparse_csr(), False),
    (lambda: torch.quantize_per_tensor(CHW / 255, 0.1, 0, torch.quint8), False),
    (lambda: torch.empty(3, 6, 9, device="meta"), False),
    (lambda: torch.empty(3, 10**6, 10**6, device="meta"), False),
    (lambda: (CHW / 255).requires_grad_() * 1, True),
    (lambda: torch.ones(1, dtype=torch.uint8).expand(3, 10**6, 10**6), False),
    (lambda: torch.ones(1).expand(3, 10**6, 10**6), False),
    (lambda: torch.zeros((1,) * 60), False),
    (lambda: torch.nested.nested_tensor([torch.zeros(3, 4), torch.zeros(2, 4)]), False),
    (lambda: torch.nn.Parameter(CHW / 255), True),
    (lambda: CHW.permute(0, 2, 1), True),
    (lambda: CHW.flip(2), True),
    (lambda: torch.zeros(3, 0, 9), False),
    (lambda: torch.tensor(5), False),
    (lambda: np.zeros((4, 5, 3), object), False),
    (lambda: np.full((4, 5, 3), "x" * 100_000, object), False),
    (lambda: np.zeros((4, 5, 3), complex), False),
    (lambda: structured(2), False),
    (lambda: structured(20_000), False),
    (lambda: np.zeros((4, 5, 3), "M8[s]"), False),
    (lambda: np.zeros((4, 5, 3), "S10"), False),
    (lambda: np.zeros((4, 5, 3), "V7"), False),
    (lambda: np.zeros((1,) * 64, np.uint8), False),
    (lambda: np.zeros((), np.uint8), False),
    (lambda: broadcast(10**6, 10**6, 3), False),
    (lambda: broadcast(10**6, 10**6), False),
    (lambda: broadcast(10**6, 10**6, 3, dtype=np.float64), False),
    (lambda: broadcast(10**4, 10**4, 10**4, 3), False),
    (lambda: broadcast(10**6, 10**6, 3, dtype=np.bool_), False),
    (lambda: np.lib.stride_tricks.as_strided(RGB, (10**5, 10**5, 3), (0, 0, 1)), False),
    (lambda: masked(False), True),
    (lambda: masked(True), False),
    (lambda: np.matrix(RGB[..., 0]), True),
    (lambda: RGB[::-1, ::-1, ::-1], True),
    (lambda: np.frombuffer(RGB.tobytes(), np.uint8).reshape(RGB.shape), True),
    (lambda: RGB.astype(">u2") * 257, True),
    (lambda: (RGB / 255).astype(">f4"), True),
    (lambda: (RGB / 255).astype(np.longdouble), True),
    (lambda: RGB.astype(np.int64), True),
    (lambda: RGB.astype(np.int64) + 1, False),
    (lambda: RGB.transpose(2, 0, 1), True),
    (lambda: np.dstack([RGB, RGB[..., :1]]), True),
    (lambda: RGB.astype(np.int8), False),
    (lambda: np.where(HOLE[..., None], np.nan, RGB / 255), False),
    (lambda: RGB.tolist(), True),
    (lambda: [[1, 2], [3]], False),
    (lambda: [RGB, RGB[:3]], False),
    (lambda: None, False),
    (lambda: "picture.png" * 1000, False),
    (lambda: b"\x89PNG", False),
    (lambda: {"a": RGB}, False),
    (lambda: iter(RGB), False),
    (lambda: type, False),
    (Raising, False),
    (Claiming, False),
    (lambda: memoryview(RGB.tobytes()), False),
    (lambda: Image.fromarray(RGB), True),
    (lambda: Image.new("F", (9, 6)), False),
    (lambda: Image.new("RGB", (0, 6)), False),
    (lambda: Image.new("P", (9, 6)), True),
]
DTYPES = ("u1", "u2", ">u2", "u4", "i1", "i2", "i8", "f2", "f4", "f8", "?", "c8", "O", "S3", "g")


def prepare(folder: Path) -> Inpainter:
    return Inpainter(Inverting())


def case(shared: Inpainter, folder: Path, seed: int) -> None:
    rng = random.Random(seed)
    half = len(CRAFTED)
    if seed < half:
        make, taken = CRAFTED[seed]
        _image(shared, make(), taken)
    elif seed < 2 * half:
        result = shared(RGB, CRAFTED[seed - half][0]())
        assert result.shape == RGB.shape and result.dtype == np.uint8
    else:
        image, mask = _drawn(rng), _drawn(rng) if rng.random() < 0.3 else _mask_for(rng)
        before = image.copy()
        shared(image, mask)
        np.testing.assert_array_equal(image, before)


def _image(inpainter: Inpainter, image: Any, taken: bool | None) -> None:
    """Known pixels keep their value, and the result is of the caller's kind."""
    turned = isinstance(image, torch.Tensor) and not image.is_nested and image.shape == (3, 9, 6)
    hole = np.zeros((9, 6) if turned else (6, 9), np.uint8)
    hole[:1] = 1
    try:
        result = inpainter(image, hole)
    except LamaDeployError as error:
        assert not taken, f"refused, and it is a picture: {error}"
        raise
    assert taken is not False, "taken, and it is no picture"
    assert isinstance(result, (torch.Tensor, np.ndarray, Image.Image))
    unchanged = inpainter(image, hole * 0)
    a, b = _colours(result), _colours(unchanged)
    known = np.broadcast_to(hole == 0, a.shape[:2])
    assert (a[known] == b[known]).all() and (a[~known] == np.iinfo(b.dtype).max - b[~known]).all()


def _colours(result: Any) -> np.ndarray:
    """Channels last, without alpha."""
    array = np.asarray(result)
    if array.ndim == 3 and array.shape[-1] > 4:
        array = np.moveaxis(array, 0, -1)
    return array[..., None] if array.ndim == 2 else array[..., :3]


def _drawn(rng: random.Random) -> np.ndarray:
    """Any dtype, number of axes and strides; half of them pictures of RGB's size."""
    shape = (
        (6, 9, 3) if rng.random() < 0.5 else tuple(rng.choice((0, 1, 2, 3, 4, 6, 9)) for _ in range(rng.randint(0, 6)))
    )
    values = np.random.default_rng(rng.randrange(2**32)).random(shape) * rng.choice((1, 1, 255, 1e30))
    with np.errstate(all="ignore"):
        array = np.asarray(values).astype(rng.choice(DTYPES))
    if array.ndim and rng.random() < 0.5:
        array = array[tuple(slice(None, None, rng.choice((1, -1))) for _ in range(array.ndim))]
    if array.dtype != object and rng.random() < 0.3:
        array.setflags(write=False)
    return array


def _mask_for(rng: random.Random) -> np.ndarray:
    return HOLE.astype(rng.choice(DTYPES)) if rng.random() < 0.8 else HOLE[:4]
