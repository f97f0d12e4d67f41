"""Finds liblama_spectral, or compiles it once from the sources that ship with this package, and keeps it in the cache.

The TensorRT plugin holds the same compiled kernels, so one build makes both (`plugin_build.py`).

By hand: `python -m lama_deploy.cli.build_kernels`.
"""

from __future__ import annotations

import hashlib
import logging
import os
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.cache import CACHE_VARIABLE, cache_directory
from lama_deploy.disk import appears_whole
from lama_deploy.errors import KernelError
from lama_deploy.native.compiling import ended_together, generator, search_path, shipped_sources
from lama_deploy.native.cuda_libraries import wheel_roots
from lama_deploy.native.gpus import architectures, gpus

log = logging.getLogger(__name__)
LIBRARY_VARIABLE = "LAMA_SPECTRAL_LIBRARY"
LIBRARY_NAME = "liblama_spectral.so"
STANDARD_NVCC = "/usr/local/cuda/bin/nvcc"
SOURCE_SUFFIXES = {".h", ".cuh", ".cu", ".cpp", ".cmake", ".map", ".txt"}


@dataclass(frozen=True)
class Product:
    """A library that the build makes, and the environment variable that names one made elsewhere."""

    name: str
    variable: str

    def prebuilt(self) -> str:
        """What to do where it cannot be built."""
        return f"name a prebuilt {self.name} in ${self.variable}"


LIBRARY = Product(LIBRARY_NAME, LIBRARY_VARIABLE)
PLUGIN = Product("liblama_tensorrt_plugin.so", "LAMA_TENSORRT_PLUGIN")
REGISTERING_NAME = "liblama_tensorrt_plugin_register.so"  # needs the plugin beside it
PRODUCTS = (REGISTERING_NAME, PLUGIN.name, LIBRARY.name)  # in the order in which they are put into the cache


def library_path(architectures: str) -> Path:
    """The library for GPUs of these architectures ("90", "80;90"): $LAMA_SPECTRAL_LIBRARY, else cached, else compiled.

    Compiling takes a minute or so. KernelError: the variable names no file, the compiler is missing, or it failed.
    """
    return product_path(LIBRARY, architectures)


def product_path(product: Product, architectures: str) -> Path:
    """`library_path`, of any product."""
    return named_path(product) or built(product, architectures)


def named_path(product: Product) -> Path | None:
    """What the product's variable names, if it is set. Raises KernelError where that is no file."""
    named = os.environ.get(product.variable)
    if not named:
        return None
    if not Path(named).is_file():
        raise KernelError(f"{product.variable} names {named}, which is no file; correct it or leave it unset")
    return Path(named)


def built(product: Product, architectures: str) -> Path:
    """The cached build of this package's own sources, compiled now if there is none. Errors as `library_path`."""
    sources = source_folder(product)
    folder = cache_directory() / "kernels" / build_key(sources, architectures)
    complete = folder / PRODUCTS[-1]
    if not complete.is_file():
        cmake, nvcc = _tools(product)
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with _locked(folder / "lock", product):
                if not complete.is_file():  # another process may have built it while this one waited
                    _build(sources, architectures, cmake, nvcc, folder, product)
        except OSError as error:
            raise KernelError(f"cannot build in {folder}: {error}; ${CACHE_VARIABLE} names another folder") from error
    return folder / product.name


def source_folder(product: Product) -> Path:
    """The C++ and CUDA sources: inside the installed package, or `kernels/` of a source checkout."""
    found = shipped_sources("kernels")
    if found is None:
        raise KernelError(f"this installation has no kernel sources; {product.prebuilt()}")
    return found


def build_key(sources: Path, architectures: str) -> str:
    """Sixteen hexadecimal digits that change with any source file, the GPU architectures and the host's."""
    digest = hashlib.sha256(f"{architectures} {platform.machine()}".encode())
    for path in sorted(path for path in sources.rglob("*") if path.suffix in SOURCE_SUFFIXES):
        content = path.read_bytes()
        digest.update(f"\0{path.relative_to(sources).as_posix()}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()[:16]


def find_nvcc() -> str | None:
    """$CUDACXX, $CUDA_HOME, PATH, the toolkit's standard folder, the NVIDIA wheels: the first nvcc of these."""
    home = os.environ.get("CUDA_HOME")
    in_wheels = (str(nvcc) for root in wheel_roots() for nvcc in root.glob("*/bin/nvcc"))
    candidates = (os.environ.get("CUDACXX"), home and f"{home}/bin/nvcc", "nvcc", STANDARD_NVCC, *in_wheels)
    return next((found for candidate in candidates if candidate and (found := shutil.which(candidate))), None)


def _tools(product: Product) -> tuple[str, str]:
    cmake, nvcc = shutil.which("cmake", path=search_path()), find_nvcc()
    if cmake and nvcc:
        return cmake, nvcc
    missing = " and ".join(name for name, path in (("nvcc", nvcc), ("cmake", cmake)) if not path)
    raise KernelError(
        f"liblama_spectral needs {missing} to be compiled: pip install nvidia-cuda-nvcc nvidia-cuda-cccl cmake ninja, "
        f"or install a CUDA toolkit, or {product.prebuilt()}"
    )


def _build(sources: Path, architectures: str, cmake: str, nvcc: str, folder: Path, product: Product) -> None:
    """Compile in a temporary folder and move the products to `folder`; the log stays beside them."""
    log_file = folder / "build.log"
    log.warning("compiling liblama_spectral for GPU architecture %s: once, in a minute or so", architectures)
    with tempfile.TemporaryDirectory(prefix="lama-kernels-") as build:
        configure = [cmake, "-S", str(sources), "-B", build, *generator(), "-DCMAKE_BUILD_TYPE=Release"]
        configure += ["-DLAMA_CUDA=ON", "-DLAMA_TESTS=OFF", f"-DCMAKE_CUDA_ARCHITECTURES={architectures}"]
        configure += [f"-DCMAKE_CUDA_COMPILER={nvcc}", *_wheels()]
        with log_file.open("wb") as output:
            for step in (configure, [cmake, "--build", build, "--parallel"]):
                _run(step, {**os.environ, "PATH": search_path()}, output.fileno(), log_file, product)
        for name in PRODUCTS:
            with appears_whole(folder / name) as stream, (Path(build) / name).open("rb") as product_file:
                shutil.copyfileobj(product_file, stream)


def _wheels() -> list[str]:
    """Where kernels/cmake looks for the libraries of a compiler that came as a wheel."""
    return [f"-DLAMA_SITE_PACKAGES={root.parent}" for root in wheel_roots()[:1]]


def _run(step: list[str], environment: dict[str, str], output: int, log_file: Path, product: Product) -> None:
    if ended_together(step, env=environment, stdout=output, stderr=subprocess.STDOUT):
        raise KernelError(f"liblama_spectral did not compile, see {log_file}; or {product.prebuilt()}")


@contextmanager
def _locked(path: Path, product: Product) -> Iterator[None]:
    """Hold the lock file against other processes and threads; it is free again when its holder dies."""
    if sys.platform == "win32":
        raise KernelError(f"nothing is compiled on Windows; {product.prebuilt()}")
    import fcntl

    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def visible_architectures() -> str:
    """Those of this machine's GPUs, as `library_path` takes them. KernelError: there is none, or an unknown one."""
    found = architectures(gpus())
    if not found:
        raise KernelError('there is no NVIDIA GPU here; name the architectures: --architectures "80;90"')
    return found
