"""Compiles kernels/ for the tests, with the CUDA compiler of this machine or of pip's wheels."""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

ROOT = Path(__file__).parent.parent
SITE_PACKAGES = Path(sysconfig.get_paths()["purelib"])


def has_nvcc() -> bool:
    """Wherever kernels/cmake/FindNvcc.cmake looks."""
    homes = [Path(home) / "bin" for home in (os.environ.get("CUDA_HOME"), "/usr/local/cuda") if home]
    wheels = [root / "bin" for root in SITE_PACKAGES.glob("nvidia/cu1[2-9]")]
    on_path = os.environ.get("CUDACXX") or shutil.which("nvcc")
    return bool(on_path) or any((folder / "nvcc").exists() for folder in (*homes, *wheels))


def build_kernels(folder: Path, *options: str, target: str = "all") -> Path:
    """Configure and build what has changed since the last time, or one target of it.

    Returns `folder`; raises with the compiler's output. Warnings are errors. One process of the suite after the other,
    since they share the folder.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        configure_kernels(folder, "-DLAMA_WERROR=ON", *options)
        run("cmake", "--build", str(folder), "--target", target)
    return folder


def configure_kernels(folder: Path, *options: str) -> None:
    """Write the build's files into `folder`, for ninja."""
    configure = ["cmake", "-S", str(ROOT / "kernels"), "-B", str(folder), "-G", "Ninja"]
    run(*configure, f"-DLAMA_SITE_PACKAGES={SITE_PACKAGES}", *options)


def run(*command: str) -> str:
    """Standard output of one of CMake's programs."""
    result = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=False)
    assert result.returncode == 0, f"{' '.join(command)}\n{result.stdout}\n{result.stderr}"
    return result.stdout


def _environment() -> dict[str, str]:
    """With this Python's own programs first: cmake and ninja come from requirements-dev.txt."""
    return {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
