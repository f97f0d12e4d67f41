"""A name that TensorRT-RTX's own library must have, made known to the process.

TensorRT-RTX 1.7's parser opens "libtensorrt_rtx.so" when it meets a plugin. Its wheel has only "libtensorrt_rtx.so.1",
and the exception that follows ends the process. The name is therefore made known first: by an empty library of that
name that needs the real one, which the loader then finds among those it has.
"""

from __future__ import annotations

import ctypes
import platform
import struct
import sys
import tempfile
from pathlib import Path

from lama_deploy.errors import EngineError

RTX_NAME, RTX_REAL = "libtensorrt_rtx.so", "libtensorrt_rtx.so.1"
MACHINES = {"x86_64": 62, "aarch64": 183}  # ELF's numbers
NEEDED, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME = 1, 4, 5, 6, 10, 11, 14  # tags of its dynamic section


def make_rtx_name_known() -> None:
    """Let `dlopen("libtensorrt_rtx.so")` succeed in this process. Raises EngineError where that cannot be done."""
    if sys.platform != "linux" or _opens(RTX_NAME):
        return
    machine = MACHINES.get(platform.machine())
    if machine is not None and _opens(RTX_REAL):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / RTX_NAME
            path.write_bytes(forwarding_library(RTX_NAME, RTX_REAL, machine))
            _opens(str(path))
    if not _opens(RTX_NAME):
        raise EngineError(
            f"TensorRT-RTX would end this process at the first plugin, because there is no {RTX_NAME}: "
            f"link it to {RTX_REAL} in the same folder, and put that folder into LD_LIBRARY_PATH"
        )


def _opens(name: str) -> bool:
    try:
        ctypes.CDLL(name)
    except OSError:
        return False
    return True


def forwarding_library(soname: str, needed: str, machine: int) -> bytes:
    """An ELF library (64 bits, little-endian) of that name, without symbols, that loads `needed`."""
    strings = b"\0" + soname.encode() + b"\0" + needed.encode() + b"\0"
    header, segment, entry, symbol = 64, 56, 16, 24  # sizes of ELF's structures
    dynamic = header + 2 * segment
    symbols = dynamic + 8 * entry
    table = symbols + symbol
    text = table + 16
    size = text + len(strings)
    tags = {SONAME: 1, NEEDED: 2 + len(soname), HASH: table, STRTAB: text, SYMTAB: symbols, STRSZ: len(strings)}
    parts = [
        struct.pack("<16sHHIQQQIHHHHHH", b"\x7fELF\2\1\1", 3, machine, 1, 0, header, 0, 0, header, segment, 2, 0, 0, 0),
        struct.pack("<IIQQQQQQ", 1, 6, 0, 0, 0, size, size, 0x10000),  # all of the file, loaded
        struct.pack("<IIQQQQQQ", 2, 6, dynamic, dynamic, dynamic, 8 * entry, 8 * entry, 8),
        *(struct.pack("<QQ", *tag) for tag in (*tags.items(), (SYMENT, symbol), (0, 0))),
        bytes(symbol),  # symbol 0, which every table has
        struct.pack("<4I", 1, 1, 0, 0),  # a hash table with one bucket, of that symbol
        strings,
    ]
    return b"".join(parts)
