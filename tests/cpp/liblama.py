"""liblama by ctypes, for the tests: the C ABI as inpainter.h declares it, on NumPy arrays."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Mapping, Sequence
from ctypes import c_char, c_char_p, c_double, c_int, c_int32, c_int64, c_size_t, c_void_p
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.arrays import Array

STATUSES = (
    "ok", "invalid argument", "bad bundle", "missing library", "engine error", "out of memory", "cancelled",
    "internal error",
)  # fmt: skip
STRATEGIES = ("auto", "whole", "crop", "resize", "tile")
FORMATS = {"grey": (1, 1), "rgb": (2, 3), "bgr": (3, 3), "rgba": (4, 4), "bgra": (5, 4)}  # (number, bytes a pixel)
Log = ctypes.CFUNCTYPE(None, c_void_p, c_int, c_char_p)
Progress = ctypes.CFUNCTYPE(c_int, c_void_p, c_size_t, c_size_t)


class Image(ctypes.Structure):
    pixels: Array  # that it is of, which live as long
    _fields_ = [
        ("data", c_void_p), ("width", c_int64), ("height", c_int64), ("stride", c_int64), ("format", c_int),
    ]  # fmt: skip


class Error(ctypes.Structure):
    _fields_ = [("status", c_int), ("message", c_char * 1024)]


class Options(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("strategy", c_int), ("limit", c_int32), ("margin", c_int32), ("threads", c_int32),
        ("streams", c_int32), ("device", c_int32), ("graphs", c_int32), ("check", c_int32), ("memory", c_int64),
        ("engine", c_char_p), ("plugin", c_char_p), ("cache", c_char_p), ("precision", c_char_p), ("log", Log),
        ("log_user", c_void_p),
    ]  # fmt: skip


class Box(ctypes.Structure):
    _fields_ = [("x", c_double), ("y", c_double), ("width", c_double), ("height", c_double)]


class Point(ctypes.Structure):
    _fields_ = [("x", c_double), ("y", c_double), ("radius", c_double)]


class Call(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("mask_threshold", c_double), ("mask_invert", c_int32), ("mask_grow", c_int32),
        ("boxes", ctypes.POINTER(Box)), ("box_count", c_size_t), ("points", ctypes.POINTER(Point)),
        ("point_count", c_size_t), ("progress", Progress), ("progress_user", c_void_p),
    ]  # fmt: skip


class Info(ctypes.Structure):
    _fields_ = [
        ("size", c_size_t), ("engine", c_char_p), ("version", c_char_p), ("precision", c_char_p),
        ("library", c_char_p), ("workers", c_int32),
    ]  # fmt: skip


class LamaError(Exception):
    """status: a word of STATUSES."""

    def __init__(self, error: Error) -> None:
        super().__init__(error.message.decode())
        self.status = STATUSES[error.status]


class Liblama:
    """One library that is loaded."""

    def __init__(self, path: Path) -> None:
        self.c = ctypes.CDLL(str(path))
        self.c.lama_version.restype = c_char_p
        self.c.lama_free.argtypes = [c_void_p]
        self.c.lama_warm_up.argtypes = [c_void_p, c_int64, c_int64, c_int64, c_void_p]

    def load(self, bundle: Path | str, **options: Any) -> Inpainter:
        return Inpainter(self, str(bundle), options)


class Inpainter:
    """One bundle that is open. lines: what its log was told, as (level, line)."""

    def __init__(self, lama: Liblama, bundle: str, options: Mapping[str, Any]) -> None:
        self.lama, self.handle, self.lines = lama, c_void_p(), list[tuple[int, str]]()
        self._log = Log(lambda _user, level, line: self.lines.append((level, line.decode())))
        given = Options()
        lama.c.lama_options_init(ctypes.byref(given), c_size_t(ctypes.sizeof(given)))
        given.log = self._log
        for name, value in options.items():
            setattr(given, name, _as_c(name, value))
        self._checked(lama.c.lama_load, bundle.encode(), ctypes.byref(given), ctypes.byref(self.handle))

    def __del__(self) -> None:
        self.close()

    def close(self) -> None:
        self.lama.c.lama_free(self.handle)
        self.handle = c_void_p()

    def info(self) -> dict[str, Any]:
        info = Info()
        self.lama.c.lama_info_init(ctypes.byref(info), c_size_t(ctypes.sizeof(info)))
        self._checked(self.lama.c.lama_describe, self.handle, ctypes.byref(info))
        words = {name: getattr(info, name).decode() for name in ("engine", "version", "precision", "library")}
        return {**words, "workers": info.workers}

    def inpaint(
        self, image: Array, mask: Array | None, kind: str = "rgb", output: Array | None = None, **call: Any
    ) -> Array:
        """Of arrays (H, W[, C]) with any stride between rows; the result, which is `output` where that is given."""
        output = np.full_like(image, 123) if output is None else output
        masks = None if mask is None else [mask]
        self.inpaint_batch([image], masks, [kind], [output], **call)
        return output

    def inpaint_batch(
        self,
        images: Sequence[Array],
        masks: Sequence[Array] | None,
        kinds: Sequence[str],
        outputs: Sequence[Array],
        **call: Any,
    ) -> None:
        count = len(images)
        seen = (Image * count)(*map(view, images, kinds))
        holes = None if masks is None else (Image * count)(*(view(mask, "grey") for mask in masks))
        results = (Image * count)(*map(view, outputs, kinds))
        given = call_of(**call)
        self._checked(
            self.lama.c.lama_inpaint_batch, self.handle, c_size_t(count), seen, holes, results, ctypes.byref(given)
        )

    def plan(self, mask: Array, **call: Any) -> str:
        text = ctypes.create_string_buffer(512)
        given, hole = call_of(**call), view(mask, "grey")
        self._checked(
            self.lama.c.lama_plan, self.handle, ctypes.byref(hole), ctypes.byref(given), text, c_size_t(len(text))
        )
        return text.value.decode()

    def warm_up(self, count: int, height: int, width: int) -> None:
        self._checked(self.lama.c.lama_warm_up, self.handle, count, height, width)

    def _checked(self, function: Callable[..., int], *arguments: Any) -> None:
        error = Error()
        status = function(*arguments, ctypes.byref(error))
        assert status == error.status and b"\n" not in error.message
        if status:
            raise LamaError(error)


def view(pixels: Array, kind: str) -> Image:
    """Of rows without gaps between the pixels of one."""
    number, size = FORMATS[kind]
    assert pixels.dtype == np.uint8 and pixels.shape[2:] in ((), (size,))
    assert pixels.strides[1] == size or pixels.shape[1] == 1
    image = Image(pixels.ctypes.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], number)
    image.pixels = pixels
    return image


def call_of(*, boxes: Sequence[Sequence[float]] = (), points: Sequence[Sequence[float]] = (), **values: Any) -> Call:
    call = Call()
    call.size = ctypes.sizeof(Call)
    call.boxes, call.box_count = (Box * len(boxes))(*(Box(*box) for box in boxes)), len(boxes)
    call.points, call.point_count = (Point * len(points))(*(Point(*point) for point in points)), len(points)
    for name, value in values.items():
        setattr(call, name, Progress(value) if name == "progress" else value)
    return call


def _as_c(name: str, value: Any) -> Any:
    if name == "strategy":
        return STRATEGIES.index(value)
    return value.encode() if isinstance(value, str) else str(value).encode() if isinstance(value, Path) else value
