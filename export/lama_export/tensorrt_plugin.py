"""The library whose `SpectralConv` takes the place of the node's function, loaded so that it cannot take us down.

TensorRT-RTX 1.7's parser opens "libtensorrt_rtx.so" when it meets a plugin. Its wheel has only "libtensorrt_rtx.so.1",
and the exception that follows ends the process. The name is therefore made known first: by an empty library of that
name that needs the real one, which the loader then finds among those it has.
"""

from __future__ import annotations

import ctypes
import hashlib
import os
import platform
import struct
import sys
import tempfile
from pathlib import Path
from typing import Any

from lama_deploy.errors import ConfigError, EngineError, KernelError
from lama_deploy.kernels.build import PLUGIN, visible_architectures
from lama_deploy.kernels.plugin import plugin_path
from lama_export.options import ExportOptions
from lama_export.spectral import SPECTRAL_CONV
from lama_export.tensorrt_options import EngineOptions

PLUGIN_VERSION = "1"
RTX_NAME, RTX_REAL = "libtensorrt_rtx.so", "libtensorrt_rtx.so.1"
MACHINES = {"x86_64": 62, "aarch64": 183}  # ELF's numbers
NEEDED, HASH, STRTAB, SYMTAB, STRSZ, SYMENT, SONAME = 1, 4, 5, 6, 10, 11, 14  # tags of its dynamic section
_loaded: list[str] = []  # SHA-256 of the library in this process, which cannot hold a second one


def chosen_plugin(options: ExportOptions) -> Path | None:
    """The library that was given, or with `spectral="plugin"` ours, compiled if need be; None where none was asked for.

    Raises KernelError where it cannot be compiled, ConfigError where it is not known for which GPU.
    """
    engine = options.engine or EngineOptions()
    if engine.plugin is not None or options.spectral != "plugin":
        return engine.plugin
    return plugin_path("" if os.environ.get(PLUGIN.variable) else _architectures(engine))


def _architectures(engine: EngineOptions) -> str:
    if engine.compute_capabilities:
        return ";".join(one.replace(".", "") for one in engine.compute_capabilities)
    try:
        return visible_architectures()
    except KernelError as error:
        raise ConfigError(
            "--spectral plugin compiles for a GPU, and there is none here: name it by --compute-capability, such as "
            "8.9, or give the library by --plugin PATH"
        ) from error


def load_plugin(module: Any, path: Path) -> dict[str, str]:
    """Register the library's plugin, unless it is already; return {"name", "sha256"}.

    Raises EngineError for a file that is no plugin library, that lacks our plugin, or that is a second one.
    """
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    if _loaded and _loaded != [sha256]:
        raise EngineError(f"{path}: this process has loaded another plugin already; export in a new one")
    if not _loaded:
        if module.__name__ == "tensorrt_rtx":
            make_rtx_name_known()
        _register(module, path)
        _loaded.append(sha256)
    return {"name": path.name, "sha256": sha256}


def _register(module: Any, path: Path) -> None:
    registry = module.get_plugin_registry()
    if registry.get_creator(SPECTRAL_CONV, PLUGIN_VERSION, "") is not None:
        # To register a name twice fails, and crashes the next user of the registry.
        raise EngineError(f"{path}: a {SPECTRAL_CONV} is registered in this process already; export in a new one")
    if registry.load_library(str(path.resolve())) is None:
        raise EngineError(f"{path}: not a TensorRT plugin library (it must load, and export getCreators)")
    if registry.get_creator(SPECTRAL_CONV, PLUGIN_VERSION, "") is None:
        raise EngineError(f"{path}: no plugin {SPECTRAL_CONV}, version {PLUGIN_VERSION}, in the empty namespace in it")


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
