"""Pictures made by hand against a decoder: programs, bombs, loops and lies, each as a maker of its bytes."""

import io
import struct
import zlib
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from PIL import Image, PngImagePlugin

BOX = b"%%BoundingBox: 0 0 20 20\n%%EndComments\nshowpage\n%%EOF\n"
PROGRAMS = {
    "eps": b"%!PS-Adobe-3.0 EPSF-3.0\n" + BOX,
    "eps with a preview": struct.pack("<IIIIIII", 0xC6D3D0C5, 32, 80, 0, 0, 0, 0)
    + bytes(4)
    + b"%!PS-Adobe-3.0\n"
    + BOX,
    "ps": b"%!PS\n" + BOX,
    "wmf": struct.pack("<IHhhhhHIH", 0x9AC6CDD7, 0, 0, 0, 99, 99, 96, 0, 0) + bytes(100),
    "emf": struct.pack("<II16x16x", 1, 88) + b" EMF" + bytes(200),
    "pdf": b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<</Root 1 0 R>>\n%%EOF\n",
    "ole": b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000),
    "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(500),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg' onload='alert(1)'/>",
}


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    stream = io.BytesIO()
    (image or Image.new("RGB", (64, 48), (9, 99, 199))).save(stream, kind, **options)
    return stream.getvalue()


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png(width: int = 8, height: int = 8, before: bytes = b"", pixels: bytes | None = None, colour: int = 0) -> bytes:
    """Grey, black; `before`: chunks in front of the pixels."""
    rows = zlib.compress(bytes(height * (width + 1)), 9) if pixels is None else pixels
    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, colour, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + before + chunk(b"IDAT", rows) + chunk(b"IEND", b"")


def many_scans(count: int, side: int) -> bytes:
    """A progressive JPEG whose last scan comes again and again; each goes over the whole picture."""
    data = saved("JPEG", Image.new("L", (side, side), 77), progressive=True)
    last = data.rindex(b"\xff\xda")
    return data[:last] + data[last:-2] * count + b"\xff\xd9"


def jpeg_with(segments: bytes) -> bytes:
    data = saved("JPEG")
    return data[:2] + segments + data[2:]


def segment(marker: int, data: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(data) + 2) + data


def directory(tags: list[tuple[int, int, int, int]], *, count: int | None = None) -> bytes:
    """A little-endian TIFF directory behind its header; each tag is (tag, type, values, place)."""
    body = b"".join(struct.pack("<HHII", *tag) for tag in tags)
    return b"II*\0\x08\0\0\0" + struct.pack("<H", len(tags) if count is None else count) + body + bytes(4)


def tiff(width: int = 8, height: int = 8, *changes: tuple[int, int, int, int], tail: bytes = bytes(64)) -> bytes:
    tags = {256: (4, 1, width), 257: (4, 1, height), 258: (3, 1, 8), 259: (3, 1, 1), 262: (3, 1, 1), 273: (4, 1, 8)}
    tags |= {277: (3, 1, 1), 278: (4, 1, height), 279: (4, 1, width * height)}
    tags |= {tag: tuple(rest) for tag, *rest in changes}
    return directory([(tag, *rest) for tag, rest in sorted(tags.items())]) + tail  # type: ignore[misc]


def big_tiff(count: int) -> bytes:
    return b"II+\0\x08\0\0\0" + struct.pack("<QQ", 16, count) + bytes(2000)


def greedy_directory(tags: int, size: int) -> bytes:
    """Every tag names the same bytes, all of them."""
    return directory([(50000 + tag % 15000 if tag < 15000 else tag, 7, size, 0) for tag in range(tags)]) + bytes(size)


def gif_comment(size: int) -> bytes:
    data = saved("GIF", Image.new("P", (8, 8)))
    comment = b"!\xfe" + (b"\xff" + b"c" * 255) * (size // 256) + b"\0"
    at = 13 + (3 << ((data[10] & 7) + 1) if data[10] & 0x80 else 0)
    return data[:at] + comment + data[at:]


def gif_of_size(width: int, height: int) -> bytes:
    data = bytearray(saved("GIF", Image.new("P", (8, 8))))
    at = data.index(b",", 13)
    data[at + 5 : at + 9] = struct.pack("<HH", width, height)
    return bytes(data)


def bmp_runs(width: int, height: int) -> bytes:
    """RLE8, and in it nothing but ends of lines."""
    header = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 8, 1, 0, 0, 0, 256, 0)
    return b"BM" + struct.pack("<IHHI", 0, 0, 0, 14 + 40 + 1024) + header + bytes(1024) + b"\x01\x07\x00\x00" * 5000


def webp_of_size(width: int, height: int) -> bytes:
    sides = (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
    frame = bytes(6) + sides + bytes(4) + saved("WEBP", lossless=True)[12:]
    body = b"VP8X" + struct.pack("<II", 10, 2) + sides + b"ANIM" + struct.pack("<IIH", 6, 0, 0)
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body


def text_bomb(kind: bytes) -> bytes:
    packed = zlib.compress(bytes(50_000_000), 9)
    return png(before=chunk(kind, b"name\0\0" + packed) * 3)


def exif_png(block: bytes) -> bytes:
    return png(before=chunk(b"eXIf", block))


def raw_profile(block: bytes) -> bytes:
    info = PngImagePlugin.PngInfo()
    info.add_text("Raw profile type exif", f"\nexif\n{len(block):8}\n{block.hex()}\n", zip=True)
    return saved("PNG", pnginfo=info)


def profile(size: int) -> bytes:
    noise = np.random.default_rng(0).bytes(size)
    head = struct.pack(">I4sI4s4s4s12x4s", size + 132, b"lcms", 0x04400000, b"prtr", b"CMYK", b"Lab ", b"acsp")
    return saved("JPEG", Image.new("CMYK", (16, 16), (9, 9, 9, 9)), icc_profile=head.ljust(128, b"\0") + noise)


# Refused, all of them, and what is said.
REFUSED: Mapping[str, tuple[Callable[[], bytes], str]] = {
    **{name: ((lambda data=data: data), "not a picture in any format") for name, data in PROGRAMS.items()},
    "png of 16 gigapixels": (partial(png, 130_000, 130_000, pixels=b""), "pixels"),
    "png of a million chunks": (lambda: png(before=chunk(b"teXt", b"") * 1_000_000), "more than 10,000 chunks"),
    "png of empty pixel chunks": (lambda: png(before=chunk(b"IDAT", b"") * 400_000), "250,000 of pixels"),
    "jpeg of 2,000 scans": (partial(many_scans, 2000, 4000), "more than 40 scans"),
    "jpeg of 100,000 segments": (lambda: jpeg_with(segment(0xE5, b"") * 100_000), "segments"),
    "jpeg behind junk": (lambda: jpeg_with(bytes(30_000_000)), "segments"),
    "tiff whose tags are all of it": (partial(greedy_directory, 400, 1_000_000), "tags that hold the same bytes"),
    "tiff of 60,000 tags": (partial(greedy_directory, 60_000, 100_000), "a directory of 60,000 tags"),
    "tiff of a million strips": (
        lambda: tiff(1, 10**6, (273, 4, 10**6, 200), (279, 4, 10**6, 200), (278, 4, 1, 1), tail=bytes(5_000_000)),
        "1,000,000 numbers in the tag 273",
    ),
    "big tiff of 2**60 tags": (partial(big_tiff, 2**60), "tags, of which 512 are allowed"),
    "jpeg with exif of 4,000 tags": (
        lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + greedy_directory(4000, 10_000))),
        "a directory of 4,000 tags",
    ),
    "jpeg with exif in many pieces": (
        lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 100),
        "bytes of EXIF",
    ),
    "tiff of a tile of a gigapixel": (
        lambda: tiff(
            10, 10, (259, 3, 1, 8), (322, 4, 1, 32768), (323, 4, 1, 32768), (324, 4, 1, 200), (325, 4, 1, 300)
        ),
        "tiles of 32768x32768 pixels",
    ),
    "gif behind a comment": (partial(gif_comment, 5_000_000), "bytes before the first frame"),
    "gif of 4 gigapixels": (partial(gif_of_size, 65535, 65535), "pixels"),
    "bmp of runs": (partial(bmp_runs, 16_000, 6_000), "4,000,000 pixels"),
    "ppm that is scaled": (lambda: b"P6 9000 9000 3\n" + bytes(100), "4,000,000 pixels"),
    "ppm as text": (lambda: b"P3 9000 9000 255\n" + b"1 " * 100, "4,000,000 pixels"),
    "ppm behind a comment": (
        lambda: b"P6 8 #" + b"x" * 10**7 + b"\n8 255\n" + bytes(192),
        "a header of more than 4,096",
    ),
    "webp of 256 megapixels": (partial(webp_of_size, 16_000, 16_000), "pixels"),
}
# Taken or refused: what matters is that it is soon, small, and one line.
ODD: Mapping[str, Callable[[], bytes]] = {
    "png of 100 megapixels in 12 kB": partial(png, 9999, 9999, pixels=b""),
    "png whose text unpacks": partial(text_bomb, b"zTXt"),
    "png whose profile unpacks": lambda: png(before=chunk(b"iCCP", b"n\0\0" + zlib.compress(bytes(10**8), 9))),
    "png with greedy exif": lambda: exif_png(greedy_directory(500, 60_000)),
    "png with greedy exif as text": lambda: raw_profile(greedy_directory(500, 60_000)),
    "png with exif in a circle": lambda: exif_png(directory([(0x8769, 4, 1, 8), (0x8825, 4, 1, 8), (0xA005, 4, 1, 8)])),
    "jpeg with greedy exif of a few tags": lambda: jpeg_with(
        segment(0xE1, b"Exif\0\0" + greedy_directory(400, 60_000))
    ),
    "jpeg with exif in pieces": lambda: jpeg_with(segment(0xE1, b"Exif\0\0" + bytes(65_000)) * 3),
    "jpeg with a CMYK profile of noise": partial(profile, 100_000),
    "jpeg of 35 scans": partial(many_scans, 30, 500),
    "tiff without pixels": partial(tiff, 0, 0),
    "tiff of negative strips": partial(tiff, 8, 8, (278, 4, 1, 0)),
    "tiff of strange samples": partial(tiff, 8, 8, (277, 4, 1, 2**31), (258, 3, 2, 200)),
    "tiff of tiles without width": partial(tiff, 8, 8, (322, 4, 1, 0), (323, 4, 1, 0), (324, 4, 1, 8)),
    "tiff that is its own next": lambda: directory([(256, 4, 1, 8)])[:-4] + struct.pack("<I", 8),
    "tiff of floats": lambda: saved("TIFF", Image.fromarray(np.full((8, 8), np.nan, np.float32))),
    "bmp with a palette of 2**31": lambda: saved("BMP")[:46] + struct.pack("<I", 2**31) + saved("BMP")[50:],
    "bmp upside down": lambda: saved("BMP")[:22] + struct.pack("<i", -48) + saved("BMP")[26:],
    "ppm of infinite scale": lambda: b"Pf\n8 8\ninf\n" + bytes(256),
    "one pixel wide": lambda: png(1, 3_000_000),
    "empty": lambda: b"",
    "one byte": lambda: b"\xff",
    "a jpeg in a png": lambda: png()[:40] + saved("JPEG"),
    "a png behind a jpeg": lambda: saved("JPEG") + png(),
}
