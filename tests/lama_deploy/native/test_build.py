"""Finding and compiling liblama_spectral, with a cmake and an nvcc of a few lines in a PATH of their own."""

import logging
import os
import subprocess
import sys
from pathlib import Path

import pytest

from lama_deploy.cache import CACHE_VARIABLE, cache_directory
from lama_deploy.errors import KernelError
from lama_deploy.native import build
from lama_deploy.native.plugin_build import plugin_path, prebuilt_plugin, registering_path

ROOT = Path(__file__).parents[3]
# Writes down its arguments, makes the "libraries" as it configures.
CMAKE = """#!/bin/sh
echo "$@" >> {calls}
echo "this is the compiler speaking"
case $1 in
-S) for name in {products}; do printf 'made of %s' "$2" > "$4/$name"; done ;;
--build) sleep {seconds}; exit {status} ;;
esac
"""


@pytest.fixture
def tools(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A PATH with a working cmake and nvcc, sources of one file, an empty cache."""
    folder = tmp_path / "bin"
    folder.mkdir()
    add_tool(folder / "nvcc", "#!/bin/sh\n")
    add_cmake(folder)
    (tmp_path / "kernels").mkdir()
    (tmp_path / "kernels" / "CMakeLists.txt").write_text("project(kernels)")
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path / "cache"))
    for variable in ("CUDACXX", "CUDA_HOME", build.LIBRARY.variable, build.PLUGIN.variable):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(build, "STANDARD_NVCC", "/nowhere/nvcc")
    monkeypatch.setattr(build, "wheel_roots", list)
    monkeypatch.setattr(build, "source_folder", lambda product: tmp_path / "kernels")
    return folder


def add_tool(path: Path, script: str) -> None:
    path.write_text(script)
    path.chmod(0o755)


def add_cmake(folder: Path, *, status: int = 0, seconds: float = 0) -> None:
    add_tool(
        folder / "cmake",
        CMAKE.format(calls=folder / "calls", products=" ".join(build.PRODUCTS), status=status, seconds=seconds),
    )


def calls(tools: Path) -> list[str]:
    return (tools / "calls").read_text().splitlines() if (tools / "calls").exists() else []


def test_the_library_is_compiled_once_aloud(tools: Path, caplog: pytest.LogCaptureFixture) -> None:
    add_tool(tools / "ninja", "#!/bin/sh\n")
    with caplog.at_level(logging.INFO):
        library = build.library_path("90")
    assert library.parent.parent == cache_directory() / "kernels"
    assert library.read_text() == f"made of {tools.parent / 'kernels'}"
    assert len(caplog.messages) == 1 and "compiling liblama_spectral for GPU architecture 90" in caplog.text
    configure, compile_ = calls(tools)
    assert configure.startswith(f"-S {tools.parent / 'kernels'} -B ")
    assert f"-DCMAKE_CUDA_COMPILER={tools / 'nvcc'}" in configure and "LAMA_SITE_PACKAGES" not in configure
    for word in ("-G Ninja", "-DCMAKE_BUILD_TYPE=Release", "-DLAMA_CUDA=ON", "-DCMAKE_CUDA_ARCHITECTURES=90"):
        assert word in configure
    assert "LAMA_WERROR" not in configure
    assert "--build" in compile_ and "--parallel" in compile_
    assert build.library_path("90") == library
    assert len(calls(tools)) == 2 and len(caplog.messages) == 1


def test_nothing_temporary_stays(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    library = build.library_path("90")
    assert not list((tmp_path / "tmp").iterdir())
    assert {path.name for path in library.parent.iterdir()} == {*build.PRODUCTS, "build.log", "lock"}


def test_a_failure_names_its_log_and_leaves_no_library(tools: Path) -> None:
    add_cmake(tools, status=1)
    with pytest.raises(KernelError, match="did not compile, see ") as error:
        build.library_path("90")
    log = Path(str(error.value).partition("see ")[2].partition(";")[0])
    assert "this is the compiler speaking" in log.read_text()
    assert "\n" not in str(error.value) and not list(cache_directory().rglob("*.so*"))
    add_cmake(tools)
    assert build.library_path("90").is_file()


@pytest.mark.parametrize("missing", [("nvcc",), ("cmake",), ("nvcc", "cmake")])
def test_a_missing_tool_says_what_to_install(
    tools: Path, missing: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in missing:
        (tools / name).unlink()
    monkeypatch.setattr(build, "search_path", lambda: str(tools))
    monkeypatch.setenv("PATH", str(tools))
    with pytest.raises(KernelError, match=f"needs {' and '.join(missing)} to be compiled: pip install ") as error:
        build.library_path("90")
    assert "nvidia-cuda-nvcc" in str(error.value) and build.LIBRARY_VARIABLE in str(error.value)
    assert not cache_directory().exists()


def test_the_wheels_of_a_compiler_are_told(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(build, "wheel_roots", lambda: [tmp_path / "site-packages" / "nvidia"])
    build.library_path("90")
    assert f"-DLAMA_SITE_PACKAGES={tmp_path / 'site-packages'}" in calls(tools)[0]


def test_nvcc_is_found_where_it_is_named(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("home/bin", "wheel/cu13/bin", "named", "standard"):
        (tmp_path / folder).mkdir(parents=True)
        add_tool(tmp_path / folder / "nvcc", "#!/bin/sh\n")
    monkeypatch.setenv("PATH", "")
    assert build.find_nvcc() is None
    monkeypatch.setattr(build, "wheel_roots", lambda: [tmp_path / "wheel"])
    assert build.find_nvcc() == str(tmp_path / "wheel/cu13/bin/nvcc")
    monkeypatch.setattr(build, "STANDARD_NVCC", str(tmp_path / "standard/nvcc"))
    assert build.find_nvcc() == str(tmp_path / "standard/nvcc")
    monkeypatch.setenv("PATH", str(tools))
    assert build.find_nvcc() == str(tools / "nvcc")
    monkeypatch.setenv("CUDA_HOME", str(tmp_path / "home"))
    assert build.find_nvcc() == str(tmp_path / "home/bin/nvcc")
    monkeypatch.setenv("CUDACXX", str(tmp_path / "named/nvcc"))
    assert build.find_nvcc() == str(tmp_path / "named/nvcc")


def test_the_variable_comes_first(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prebuilt = tmp_path / "prebuilt.so"
    monkeypatch.setenv(build.LIBRARY_VARIABLE, str(prebuilt))
    with pytest.raises(KernelError, match=f"{build.LIBRARY_VARIABLE} names {prebuilt}, which is no file"):
        build.library_path("90")
    prebuilt.touch()
    assert build.library_path("90") == prebuilt
    assert not calls(tools)


def test_the_plugin_comes_with_the_library(tools: Path) -> None:
    plugin = plugin_path("90")
    assert plugin.name == "liblama_tensorrt_plugin.so" and plugin.is_file()
    assert registering_path("90").parent == plugin.parent == build.library_path("90").parent
    assert len(calls(tools)) == 2


def test_a_plugin_that_is_named_comes_first(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    prebuilt = tmp_path / "plugin.so"
    monkeypatch.setenv("LAMA_TENSORRT_PLUGIN", str(prebuilt))
    with pytest.raises(KernelError, match=f"LAMA_TENSORRT_PLUGIN names {prebuilt}, which is no file"):
        plugin_path("90")
    prebuilt.touch()
    assert plugin_path("90") == prebuilt and not calls(tools)
    with pytest.raises(KernelError, match=r"plugin_register\.so is missing; .*\$LAMA_TENSORRT_PLUGIN names"):
        registering_path("90")


def test_a_prebuilt_library_serves_as_plugin(tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the plugin in Python; the compiled one comes first."""
    assert prebuilt_plugin() is None
    for variable, name in ((build.LIBRARY_VARIABLE, "library.so"), ("LAMA_TENSORRT_PLUGIN", "plugin.so")):
        monkeypatch.setenv(variable, str(tmp_path / name))
        with pytest.raises(KernelError, match=f"{variable} names .*{name}, which is no file"):
            prebuilt_plugin()
        (tmp_path / name).touch()
        assert prebuilt_plugin() == tmp_path / name
    assert not calls(tools)


def test_a_plugin_that_cannot_be_compiled_can_be_named(tools: Path) -> None:
    add_cmake(tools, status=1)
    with pytest.raises(KernelError, match=r"name a prebuilt liblama_tensorrt_plugin\.so in \$LAMA_TENSORRT_PLUGIN$"):
        plugin_path("90")


def test_other_sources_or_architectures_are_another_build(tools: Path) -> None:
    sources = tools.parent / "kernels"
    (sources / "unit.cu").write_text("one")
    first = build.build_key(sources, "90")
    assert build.build_key(sources, "80") != first
    (sources / "README.md").write_text("words")
    assert build.build_key(sources, "90") == first
    (sources / "unit.cu").write_text("two")
    changed = build.build_key(sources, "90")
    (sources / "unit.cu").rename(sources / "core.cu")
    assert len({first, changed, build.build_key(sources, "90")}) == 3


def test_a_cache_that_cannot_be_written_is_one_line(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tools / "file").touch()
    monkeypatch.setenv(CACHE_VARIABLE, str(tools / "file"))
    with pytest.raises(KernelError, match=f"cannot build in .*{CACHE_VARIABLE}"):
        build.library_path("90")


def test_two_processes_compile_once(tools: Path) -> None:
    add_cmake(tools, seconds=0.5)
    code = (
        "import sys; from pathlib import Path; from lama_deploy.native import build;"
        "build.source_folder = lambda product: Path(sys.argv[1]); print(build.library_path('90'))"
    )
    command = [sys.executable, "-c", code, str(tools.parent / "kernels")]
    both = [subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    first, second = (process.communicate()[0] for process in both)
    assert first == second and Path(first.strip()).is_file()
    assert len(calls(tools)) == 2


def run_command(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "lama_deploy.cli.build_kernels", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, env=dict(os.environ))


def test_the_command_prints_the_path_or_one_line(tools: Path) -> None:
    done = run_command("--architectures", "80;90")
    assert done.returncode == 0 and Path(done.stdout.strip()).is_file(), done.stderr
    assert "-DCMAKE_CUDA_ARCHITECTURES=80;90" in calls(tools)[0]
    add_cmake(tools, status=1)
    failed = run_command("--architectures", "75")
    assert failed.returncode == 2 and failed.stdout == ""
    assert failed.stderr.splitlines()[-1].startswith("error: liblama_spectral did not compile")


def test_without_a_gpu_the_command_asks_for_architectures(tools: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tools))
    result = run_command()
    assert result.returncode == 2 and "--architectures" in result.stderr and "Traceback" not in result.stderr


def test_an_interrupted_build_leaves_no_compiler_running(tmp_path: Path) -> None:
    """Neither what was started nor what that has started: each of them would go on for minutes."""
    code = "import signal; from lama_deploy.native.compiling import ended_together\n"
    code += "signal.alarm(1); signal.signal(signal.SIGALRM, signal.default_int_handler)\n"
    code += f"ended_together(['sh', '-c', 'sleep 60 & echo $! > {tmp_path}/pid; wait'])"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stderr.endswith("KeyboardInterrupt\n")
    state = Path(f"/proc/{(tmp_path / 'pid').read_text().strip()}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"
