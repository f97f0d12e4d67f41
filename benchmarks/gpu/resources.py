"""Registers, spills and shared memory of every kernel, as ptxas counts them: needs nvcc, no GPU.

    python -m benchmarks.gpu.resources [--architectures 90 120]

One line for each kernel and architecture. The shared memory of launches comes on top: 2 * 16 * ceil((L/2 + 1) / 16)
rows of 144 bytes (80 from L = 704 on) for a transform of L points, 240 bytes for each row and output of a mixing tile,
32 * 33 values of a copy. Exit status 1 where a kernel spills registers.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from lama_deploy.native.build import find_nvcc
from lama_deploy.native.cuda_libraries import wheel_roots

KERNELS = Path(__file__).parents[2] / "kernels"
ARCHITECTURES = ("75", "80", "86", "89", "90", "100", "120")
ENTRY = re.compile(
    r"Compiling entry function '(?P<name>\w+)' for 'sm_(?P<architecture>\w+)'"
    r".*?(?P<stack>\d+) bytes stack frame, (?P<stores>\d+) bytes spill stores, (?P<loads>\d+) bytes spill loads"
    r".*?Used (?P<registers>\d+) registers(?P<rest>[^\n]*)",
    re.DOTALL,
)
SHARED = re.compile(r"(\d+) bytes smem")


@dataclass(frozen=True)
class Usage:
    """One kernel on one architecture. spilled: bytes stored to and loaded from local memory; shared, stack: bytes."""

    architecture: str
    kernel: str
    registers: int
    spilled: int
    stack: int
    shared: int


def usages(architecture: str, nvcc: str) -> list[Usage]:
    """Of all kernels, compiled as the library's build does. Raises CalledProcessError with the compiler's output."""
    return [
        usage for source in sorted(KERNELS.glob("src/*.cu")) for usage in parse(_compile(source, architecture, nvcc))
    ]


def parse(report: str) -> Iterator[Usage]:
    """The entries of nvcc --resource-usage, names demangled where c++filt is there."""
    entries = list(ENTRY.finditer(report))
    names = _demangled([entry["name"] for entry in entries])
    for entry, name in zip(entries, names, strict=True):
        shared = SHARED.search(entry["rest"])
        spilled = int(entry["stores"]) + int(entry["loads"])
        bytes_ = int(shared[1]) if shared else 0
        yield Usage(entry["architecture"], name, int(entry["registers"]), spilled, int(entry["stack"]), bytes_)


def _compile(source: Path, architecture: str, nvcc: str) -> str:
    includes = [f"-I{KERNELS / 'include'}", f"-I{KERNELS / 'src'}"]
    includes += [f"-I{folder}" for root in wheel_roots() for folder in root.glob("cu1[2-9]/include")]
    options = ["-O3", "-DNDEBUG", "-std=c++17", "--expt-relaxed-constexpr", "--resource-usage", "-cubin"]
    with tempfile.TemporaryDirectory() as folder:
        command = [nvcc, *options, *includes, f"-arch=sm_{architecture}", "-o", f"{folder}/out.cubin", str(source)]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
    return done.stdout + done.stderr


def _demangled(names: list[str]) -> list[str]:
    if not names or not shutil.which("c++filt"):
        return names
    lines = subprocess.run(["c++filt"], input="\n".join(names), capture_output=True, text=True, check=True).stdout
    return [_short(line) for line in lines.splitlines()]


def _short(name: str) -> str:
    """The program, as in DftProgram<__half, Column<__half>, 4>, of the kernel that runs it."""
    inner = re.search(r"program_kernel<(.*)>\(", name)
    return re.sub(r"lama::(dft::|copying::)?", "", inner[1]).replace(" >", ">").strip() if inner else name


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--architectures", nargs="+", default=ARCHITECTURES)
    nvcc = find_nvcc()
    arguments = parser.parse_args()
    if nvcc is None:
        parser.error("no nvcc here; install a CUDA toolkit, or pip install -r requirements-nvcc.txt")
    spilling = 0
    print("sm  registers spilled stack shared kernel")
    for architecture in arguments.architectures:
        for found in usages(architecture, nvcc):
            spilling += found.spilled > 0
            numbers = f"{found.registers:9} {found.spilled:7} {found.stack:5} {found.shared:6}"
            print(f"{found.architecture:3} {numbers} {found.kernel}", flush=True)
    return 1 if spilling else 0


if __name__ == "__main__":
    sys.exit(main())
