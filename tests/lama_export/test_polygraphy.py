"""What docs/polygraphy.md tells people to type works, but for what needs a GPU."""

import os
import re
import subprocess
import sys
from pathlib import Path

import onnx
import pytest

from lama_deploy.model import seeded_generator
from lama_deploy.variants import GeneratorConfig
from lama_export.graph.model import onnx_from_state

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "polygraphy.md").read_text()
CONFIG = GeneratorConfig(width=8, blocks=1)
PLUGIN_IN_ENGINE = b"SpectralConv\0"  # its name, where TensorRT wrote its fields down


def block(section: str, language: str = "sh", index: int = 0) -> str:
    _, _, after = PAGE.partition(f"## {section}\n")
    found = re.findall(rf"```{language}\n(.*?)```", after.split("\n## ")[0], re.DOTALL)
    return found[index]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles' ONNX files under the page's names, of a small generator, and its script."""
    folder = tmp_path_factory.mktemp("polygraphy")
    state = {key: tensor.numpy() for key, tensor in seeded_generator(CONFIG).state_dict().items()}
    for name, precision in (("demo", "fp32"), ("demo-fp16", "fp16")):
        (folder / name).mkdir()
        model = onnx_from_state(CONFIG, state, spectral="function", precision=precision, wide_sums=True)  # type: ignore[arg-type]
        assert len(model.functions) == 2
        onnx.save(model, folder / name / "model.onnx")
    (folder / "no_tf32.py").write_text(block("Engines, without a GPU", "python"))
    return folder


def shell(script: str, folder: Path, **environment: str) -> tuple[int, str]:
    """Exit code and what was printed, with this Python's programs first."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    python_path = os.pathsep.join((str(ROOT), str(ROOT / "export")))
    environment = {**os.environ, "PATH": path, "PYTHONPATH": python_path, **environment}
    command = ["bash", "-ec", script]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    return done.returncode, done.stdout + done.stderr


def test_onnx_files_of_both_precisions_run_and_agree(workplace: Path) -> None:
    code, said = shell(block("Without a GPU"), workplace)
    assert code == 0, said
    assert "Other Opsets: {'lama.deploy': 1}" in said
    assert said.count("[I] PASSED | Runtime") == 2 and "Pass Rate: 100.00%" in said
    spread = re.search(r"result \| Stats: mean=[\d.]+, std-dev=([\d.]+)", said)
    assert spread and float(spread[1]) > 20


@pytest.mark.trt
def test_engines_are_built_with_and_without_our_plugin(workplace: Path, kernel_build: Path) -> None:
    plain, plugin = (block("Engines, without a GPU", index=index) for index in range(2))
    library = str(kernel_build / "liblama_tensorrt_plugin.so")
    code, said = shell(plain + plugin, workplace, LAMA_TENSORRT_PLUGIN=library)
    assert code == 0, said
    assert re.findall(r"Flags +\| \[(.*)\]", said) == ["STRONGLY_TYPED", "TF32, STRONGLY_TYPED"]
    engines = [(workplace / f"{name}.engine").read_bytes() for name in ("inline", "plugin")]
    assert [engine.count(PLUGIN_IN_ENGINE) > 0 for engine in engines] == [False, True]
