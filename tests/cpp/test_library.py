"""What other people's programs get: one library that needs no engine, its headers, and ways to find both."""

import os
import re
import shutil
import subprocess
import tarfile
from collections.abc import Mapping
from pathlib import Path

import pytest

import lama_deploy
from tests.cpp.building import engine_folder
from tests.cpp.liblama import Liblama
from tests.kernel_build import ROOT, run

HEADER = (ROOT / "cpp" / "include" / "lama" / "inpainter.h").read_text()
FUNCTIONS = set(re.findall(r"^LAMA_API [\w *]*?\b(lama_\w+)\(", HEADER, re.MULTILINE))


def output_of(*command: str | Path) -> str:
    return subprocess.run([*map(str, command)], capture_output=True, text=True, check=True).stdout


@pytest.fixture(scope="module")
def installed(tree: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("installed")
    run("cmake", "--install", str(tree), "--prefix", str(folder))
    return folder


def test_it_links_no_engine(tree: Path) -> None:
    names = re.findall(r"^\s*(\S+)", output_of("ldd", tree / "liblama.so"), re.MULTILINE)
    allowed = ("linux-vdso", "libc.so", "libm.so", "libstdc++", "libgcc_s", "libdl", "libpthread", "/lib")
    assert "libstdc++.so.6" in names and all(name.startswith(allowed) for name in names), names


def test_it_exports_the_functions_of_its_header_alone(tree: Path) -> None:
    symbols = output_of("nm", "--dynamic", "--defined-only", "--with-symbol-versions", tree / "liblama.so")
    found = {line.split()[-1] for line in symbols.splitlines()} - {"LAMA_1"}
    assert {name.split("@")[0] for name in found} - {"LAMA_1"} == FUNCTIONS
    assert all(name.endswith("@@LAMA_1") for name in found) and len(FUNCTIONS) >= 13


def test_its_versions_are_those_of_header_and_package(lama: Liblama, tree: Path) -> None:
    (abi,) = re.findall(r"#define LAMA_ABI_VERSION (\d+)", HEADER)
    assert lama.c.lama_abi_version() == int(abi)
    assert lama.c.lama_version().decode() == lama_deploy.__version__
    assert f"SONAME               liblama.so.{abi}" in output_of("objdump", "-p", tree / "liblama.so")


@pytest.mark.parametrize(
    "compiler", [("cc", "-std=c99", "-pedantic"), ("c++", "-std=c++17", "-xc++"), ("c++", "-std=c++98", "-xc++")]
)
def test_the_c_header_compiles_as_what_people_write(compiler: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / "only.c"
    source.write_text("#include <lama/inpainter.h>\nint main(void) { return lama_abi_version(); }\n")
    run(*compiler, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", f"-I{ROOT / 'cpp' / 'include'}", str(source))


@pytest.mark.parametrize("options", [(), ("-fno-exceptions", "-fno-rtti", "-DLAMA_NO_EXCEPTIONS")])
def test_the_cpp_header_compiles_with_and_without_exceptions(options: tuple[str, ...], tmp_path: Path) -> None:
    source = tmp_path / "only.cpp"
    source.write_text(
        "#include <lama/inpainter.hpp>\n"
        "int main() { lama::Inpainter one; lama::Call call; std::string line; lama::Inpainter two = std::move(one);\n"
        "  const lama::Status status = two.try_plan(lama::mask(nullptr, 1, 1), line, call);\n"
        "  return status.ok() || !two.try_load(line).ok(); }\n"
    )
    run("c++", "-std=c++17", "-Wall", "-Wextra", "-Werror", *options, "-fsyntax-only",
        f"-I{ROOT / 'cpp' / 'include'}", str(source))  # fmt: skip


def test_the_project_of_the_documentation_finds_it_by_find_package_alone(
    installed: Path, tiny_bundles: Mapping[str, Path], tmp_path: Path
) -> None:
    """docs/embedding.md, as a person copies it into a folder of his own."""
    page, source, build = (ROOT / "docs" / "embedding.md").read_text(), tmp_path / "service", tmp_path / "build"
    source.mkdir()
    for language, name in (("cmake", "CMakeLists.txt"), ("cpp", "main.cpp")):
        (block,) = re.findall(rf"```{language}\n(.*?)```", page, re.DOTALL)
        (source / name).write_text(block)
    run("cmake", "-S", str(source), "-B", str(build), "-G", "Ninja", f"-DCMAKE_PREFIX_PATH={installed}")
    run("cmake", "--build", str(build))
    engine = {**os.environ, "LAMA_ENGINE": str(engine_folder("onnx"))}
    command = [build / "service", tiny_bundles["onnx"]]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=engine)
    assert (done.returncode, done.stdout) == (0, "onnxruntime\n"), done.stderr
    failed = subprocess.run([build / "service", "nowhere"], capture_output=True, text=True, check=False)
    assert failed.returncode == 1 and failed.stderr.startswith("nowhere: not a bundle (no bundle.json)")


def test_as_a_part_of_another_project_it_installs_packages_and_tests_nothing(tmp_path: Path) -> None:
    source, build = tmp_path / "parent", tmp_path / "build"
    source.mkdir()
    (source / "CMakeLists.txt").write_text(
        "cmake_minimum_required(VERSION 3.24)\nproject(parent LANGUAGES CXX)\n"
        f'add_subdirectory("{ROOT / "cpp"}" lama)\n'
        "if(NOT TARGET lama::inpainter OR CMAKE_CXX_VISIBILITY_PRESET OR CPACK_PACKAGE_NAME)\n"
        '  message(FATAL_ERROR "imposed")\nendif()\n'
    )
    run("cmake", "-S", str(source), "-B", str(build), "-G", "Ninja")
    run("cmake", "--install", str(build), "--prefix", str(tmp_path / "prefix"))
    assert not (tmp_path / "prefix").exists()
    assert not any(build.rglob("CPack*.cmake")) and not any(build.rglob("CTestTestfile.cmake"))


def test_pkg_config_finds_it(installed: Path, tmp_path: Path) -> None:
    if not shutil.which("pkg-config"):
        pytest.skip("pkg-config is not installed")
    (file,) = installed.rglob("lama.pc")
    flags = output_of("env", f"PKG_CONFIG_PATH={file.parent}", "pkg-config", "--cflags", "--libs", "lama").split()
    source = tmp_path / "version.c"
    source.write_text("#include <lama/inpainter.h>\nint main(void) { return lama_abi_version(); }\n")
    (library,) = (path.parent for path in installed.rglob("liblama.so"))
    run("cc", str(source), "-o", str(tmp_path / "version"), *flags, f"-Wl,-rpath,{library}")
    assert subprocess.run([tmp_path / "version"], check=False).returncode == 1


def test_packages_hold_library_headers_and_ways_to_find_them(tree: Path, tmp_path: Path) -> None:
    run("cpack", "--config", str(tree / "CPackConfig.cmake"), "-G", "TGZ", "-B", str(tmp_path))
    (tarball,) = tmp_path.glob("*.tar.gz")
    with tarfile.open(tarball) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    wanted = ("inpainter.h", "inpainter.hpp", "lama-config.cmake", "lama.pc", "liblama.so", "LICENSE", "LICENSE.MIT")
    assert all(any(name.endswith(f"/{want}") for name in names) for want in wanted), names
    if not shutil.which("dpkg-deb") or not shutil.which("dpkg-shlibdeps"):
        pytest.skip("dpkg-dev is not installed, so that no .deb can be made")
    run("cpack", "--config", str(tree / "CPackConfig.cmake"), "-G", "DEB", "-B", str(tmp_path))
    (package,) = tmp_path.glob("*.deb")
    told = output_of("dpkg-deb", "--info", package)
    assert "Package: liblama" in told and re.search(r"Depends: .*libstdc\+\+6", told)
    assert "./usr/include/lama/inpainter.h" in output_of("dpkg-deb", "--contents", package)
