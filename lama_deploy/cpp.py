"""Compile liblama, the C++ library that opens bundles without Python, for this machine.

python -m lama_deploy.cpp --build DIR
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from lama_deploy.cli.common import add_overwrite_option, command, command_parser
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.native.compiling import ended_together, generator, search_path, shipped_sources
from lama_deploy.overwriting import require_free

LOG = "build.log"


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "python -m lama_deploy.cpp",
        "Compile liblama, which opens bundles from C, C++ and other languages, and install it into a folder. It needs "
        "CMake and a C++17 compiler, and no engine: those are opened when a bundle wants them.",
    )
    p.add_argument(
        "--build",
        type=Path,
        required=True,
        metavar="DIR",
        help="Install into this folder: headers in include, the library in lib, both for find_package(lama) and "
        "pkg-config.",
    )
    p.add_argument(
        "--tensorrt",
        type=Path,
        metavar="DIR",
        help="Also compile liblama_trt.so, which runs TensorRT engines, with the TensorRT of this folder: its headers "
        "are in DIR/include.",
    )
    p.add_argument(
        "--triton",
        action="store_true",
        help='Also compile libtriton_lama.so, the backend that NVIDIA\'s Triton opens for backend: "lama".',
    )
    add_overwrite_option(p)
    return p


@command("onnxruntime")
def main() -> int:
    """Print the folder that CMAKE_PREFIX_PATH takes."""
    args = parser().parse_args()
    require_free([args.build], overwrite=args.overwrite, otherwise="give another folder")
    build(args.build, args.tensorrt, triton=args.triton)
    print(args.build.absolute())
    return 0


def build(folder: Path, tensorrt: Path | None = None, *, triton: bool = False) -> None:
    """Compile, and install into `folder`, where what the compiler said is kept too.

    Raises LamaDeployError where the compiler or TensorRT's headers are missing, and where it does not compile.
    """
    sources, cmake = shipped_sources("cpp"), shutil.which("cmake", path=search_path())
    if sources is None:
        raise LamaDeployError("this installation has no C++ sources; install lama-deploy from a wheel or a checkout")
    if cmake is None:
        raise LamaDeployError("liblama is compiled by CMake, which is not installed here: pip install cmake ninja")
    options = ["-DCMAKE_BUILD_TYPE=Release", "-DLAMA_TESTS=OFF", "-DCMAKE_INSTALL_LIBDIR=lib"]
    options += [] if tensorrt is None else [f"-DTensorRT_ROOT={_with_headers(tensorrt)}", "-DLAMA_TENSORRT=ON"]
    options += ["-DLAMA_TRITON=ON"] if triton else []
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="lama-cpp-") as tree, (folder / LOG).open("wb") as log:
        for step in (
            [cmake, "-S", str(sources), "-B", tree, *generator(), *options],
            [cmake, "--build", tree, "--parallel"],
            [cmake, "--install", tree, "--prefix", str(folder.absolute())],
        ):
            environment = {**os.environ, "PATH": search_path()}
            if ended_together(step, env=environment, stdout=log, stderr=subprocess.STDOUT):
                raise LamaDeployError(f"liblama did not compile; {brief(str(folder / LOG))} says why")


def _with_headers(tensorrt: Path) -> Path:
    if not (tensorrt / "include" / "NvInferRuntime.h").is_file():
        raise LamaDeployError(
            f"{brief(str(tensorrt))}: has no include/NvInferRuntime.h; give the folder that TensorRT was unpacked into"
        )
    return tensorrt.absolute()


if __name__ == "__main__":
    sys.exit(main())
