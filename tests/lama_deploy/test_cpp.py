"""`python -m lama_deploy.cpp`: what it refuses in one line, what it installs, and that it is told to whom it fails."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from lama_deploy import cpp


def run(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lama_deploy.cpp", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def refused(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: str | Path) -> str:
    """The line."""
    monkeypatch.setattr(sys, "argv", ["python -m lama_deploy.cpp", *map(str, arguments)])
    assert cpp.main() == 2
    out, line = capsys.readouterr()
    assert out == "" and line.startswith("error: ") and line.count("\n") == 1
    return line


def test_what_is_there_already_stays(monkeypatch, capsys, tmp_path: Path) -> None:
    (tmp_path / "mine").touch()
    assert "exists already" in refused(monkeypatch, capsys, "--build", tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine"]


def test_a_folder_without_tensorrts_headers(monkeypatch, capsys, tmp_path: Path) -> None:
    line = refused(monkeypatch, capsys, "--build", tmp_path / "new", "--tensorrt", tmp_path)
    assert "has no include/NvInferRuntime.h" in line and not (tmp_path / "new").exists()


def test_headers_that_liblama_trt_cannot_use_are_no_success(monkeypatch, capsys, tmp_path: Path) -> None:
    """Who asks for TensorRT shall not find out in production that it was left out."""
    headers = tmp_path / "TensorRT-8" / "include"
    headers.mkdir(parents=True)
    (headers / "NvInferRuntime.h").touch()
    (headers / "NvInferVersion.h").write_text("#define NV_TENSORRT_MAJOR 8\n")
    line = refused(monkeypatch, capsys, "--build", tmp_path / "new", "--tensorrt", headers.parent)
    assert "build.log says why" in line
    assert "liblama_trt is left out" in (tmp_path / "new" / "build.log").read_text()


def test_without_cmake(monkeypatch, capsys, tmp_path: Path) -> None:
    monkeypatch.setattr(cpp, "search_path", lambda: str(tmp_path))
    assert "pip install cmake ninja" in refused(monkeypatch, capsys, "--build", tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_without_sources(monkeypatch, capsys, tmp_path: Path) -> None:
    monkeypatch.setattr(cpp, "shipped_sources", lambda name: None)
    assert "has no C++ sources" in refused(monkeypatch, capsys, "--build", tmp_path / "new")


def test_a_compiler_that_fails_leaves_its_log(monkeypatch, capsys, tmp_path: Path) -> None:
    (tmp_path / "CMakeLists.txt").write_text('message(FATAL_ERROR "this machine cannot")\n')
    monkeypatch.setattr(cpp, "shipped_sources", lambda name: tmp_path)
    line = refused(monkeypatch, capsys, "--build", tmp_path / "new")
    assert "build.log says why" in line and "this machine cannot" in (tmp_path / "new" / "build.log").read_text()
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["build.log"]


@pytest.mark.slow
def test_it_installs_what_find_package_and_pkg_config_want(tmp_path: Path) -> None:
    if not shutil.which("c++"):
        pytest.skip("no C++ compiler here")
    done = run("--build", tmp_path / "lama")
    assert (done.returncode, done.stdout) == (0, f"{tmp_path / 'lama'}\n"), done.stderr
    names = {str(path.relative_to(tmp_path / "lama")) for path in (tmp_path / "lama").rglob("*")}
    assert {
        "include/lama/inpainter.h", "include/lama/inpainter.hpp", "lib/liblama.so", "lib/liblama.so.1",
        "lib/pkgconfig/lama.pc", "lib/cmake/lama/lama-config.cmake", "build.log",
    } <= names  # fmt: skip
    assert run("--build", tmp_path / "lama").returncode == 2
