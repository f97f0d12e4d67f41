"""Fills a picture by liblama, without this package: python python_ctypes.py LIBRARY BUNDLE PICTURE MASK RESULT

What any language with a foreign function interface does, in one that many read.
"""

import ctypes
import sys

import numpy as np
from PIL import Image

RGB, GREY = 2, 1


class LamaImage(ctypes.Structure):
    """lama_image of inpainter.h."""

    _fields_ = [
        ("data", ctypes.c_void_p),
        ("width", ctypes.c_int64),
        ("height", ctypes.c_int64),
        ("stride", ctypes.c_int64),
        ("format", ctypes.c_int),
    ]


class LamaError(ctypes.Structure):
    """lama_error of inpainter.h."""

    _fields_ = [("status", ctypes.c_int), ("message", ctypes.c_char * 1024)]


def view(pixels: np.ndarray, kind: int) -> LamaImage:
    """Of an array (H, W) or (H, W, 3), uint8, whose rows may lie apart."""
    return LamaImage(pixels.ctypes.data, pixels.shape[1], pixels.shape[0], pixels.strides[0], kind)


def main() -> int:
    """The exit code."""
    library, bundle, picture, mask, result = sys.argv[1:]
    lama = ctypes.CDLL(library)
    image = np.array(Image.open(picture).convert("RGB"))
    hole = np.array(Image.open(mask).convert("L"))
    seen, holes = view(image, RGB), view(hole, GREY)
    inpainter, error = ctypes.c_void_p(), LamaError()
    try:
        if lama.lama_load(bundle.encode(), None, ctypes.byref(inpainter), ctypes.byref(error)) or lama.lama_inpaint(
            inpainter, ctypes.byref(seen), ctypes.byref(holes), ctypes.byref(seen), None, ctypes.byref(error)
        ):
            print(f"error: {error.message.decode()}", file=sys.stderr)
            return 1
    finally:
        lama.lama_free(inpainter)
    Image.fromarray(image).save(result)
    return 0


if __name__ == "__main__":
    sys.exit(main())
