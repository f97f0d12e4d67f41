"""The package as users get it: light imports, two import names in the wheel, commands that explain themselves."""

import importlib.util
import re
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path
from types import ModuleType

import pytest

import lama_deploy
import lama_export
from lama_deploy import errors

ROOT = Path(__file__).parent.parent
PATHS = {"PYTHONPATH": f"{ROOT}:{ROOT / 'export'}", "PATH": ""}
TRAINING_PACKAGES = ("torch", "safetensors", "yaml", "pooch", "skimage", "onnx")
COMMANDS = (
    "lama_export.cli",
    *(
        f"lama_deploy.cli.{name}"
        for name in ("bench", "cache", "evaluate", "info", "inpaint", "main", "train", "verify")
    ),
)


def run_without(packages: tuple[str, ...], code: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python in which importing any of `packages` fails as if it were not installed."""
    blocked = f"import sys; sys.modules.update(dict.fromkeys({packages!r}));"
    command = [sys.executable, "-c", blocked + code, *arguments]
    return subprocess.run(command, env=PATHS, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("package", ["lama_deploy", "lama_export"])
def test_importing_loads_neither_torch_nor_an_engine(package: str) -> None:
    heavy = ("torch", "onnxruntime", "openvino", "tensorrt", "cuda", "onnx", "numpy", "PIL")
    result = run_without((), f"import {package}; print([m for m in {heavy} if m in sys.modules])")
    assert result.stdout.strip() == "[]", result.stderr


def test_public_names_need_no_engine() -> None:
    """What people import is there with NumPy and Pillow alone; an engine is loaded with a model."""
    code = "from lama_deploy import *; print(Inpainter.__name__, load_checkpoint.__name__, load_bundle.__name__)"
    result = run_without((*TRAINING_PACKAGES, "onnxruntime", "openvino"), code)
    assert result.stdout.strip() == "Inpainter load_checkpoint load_bundle", result.stderr


@pytest.mark.parametrize("package", [lama_deploy, lama_export])
def test_public_names(package: ModuleType) -> None:
    assert all(hasattr(package, name) for name in package.__all__) and set(package.__all__) <= set(dir(package))
    with pytest.raises(AttributeError, match="has no attribute 'nothing'"):
        package.nothing  # noqa: B018


def test_every_error_is_public() -> None:
    found = {name for name, value in vars(errors).items() if isinstance(value, type) and issubclass(value, Exception)}
    assert found <= set(lama_deploy.__all__)


def test_onnxruntime_inference_needs_no_torch(tmp_path: Path) -> None:
    from lama_deploy.model import seeded_generator
    from lama_deploy.variants import GeneratorConfig
    from lama_export.graph.model import onnx_from_state

    config = GeneratorConfig(width=8, blocks=1)
    state = {key: tensor.numpy() for key, tensor in seeded_generator(config).state_dict().items()}
    (tmp_path / "model.onnx").write_bytes(onnx_from_state(config, state).SerializeToString())
    code = (
        "import numpy as np, lama_deploy;"
        "inpaint = lama_deploy.Inpainter.load(sys.argv[1]);"
        "image = np.full((21, 34, 3), 128, np.uint8); mask = np.zeros((21, 34)); mask[5:9, 5:9] = 1;"
        "result = inpaint(image, mask); print(result.shape, (result != image).any(axis=2).sum() > 0)"
    )
    result = run_without(TRAINING_PACKAGES, code, str(tmp_path / "model.onnx"))
    assert result.stdout.strip() == "(21, 34, 3) True", result.stderr


@pytest.mark.parametrize("module", COMMANDS)
def test_help_works_with_nothing_installed(module: str) -> None:
    code = f"import runpy; sys.argv = ['x', '-h']; runpy.run_module('{module}', run_name='__main__')"
    result = run_without((*TRAINING_PACKAGES, "onnxruntime"), code)
    assert result.returncode == 0 and "usage: lama-" in result.stdout, result.stderr


@pytest.mark.parametrize(
    ("missing", "arguments", "advice"),
    [
        ("onnxruntime", ["lama_deploy.cli.inpaint", "a.png", "b.png", "-o", "c.png"], "[onnxruntime]"),
        (
            "torch",
            ["lama_deploy.cli.inpaint", "a.png", "b.png", "-o", "c.png", "--backend", "cuda"],
            "[torch]",
        ),
        ("onnx", ["lama_export.cli", "--weights", "lama-demo", "--to", "onnx", "--out", "x"], "[export]"),
    ],
)
def test_missing_packages_are_one_line(missing: str, arguments: list[str], advice: str, tmp_path: Path) -> None:
    module, *rest = arguments
    rest = [str(tmp_path / word) if word.endswith(".png") or word == "x" else word for word in rest]
    for name in ("a.png", "b.png"):
        (tmp_path / name).touch()
    code = f"import runpy; sys.argv = ['x', *{rest!r}]; runpy.run_module('{module}', run_name='__main__')"
    result = run_without((missing,) if missing == "onnx" else (missing, "torch"), code)
    assert result.returncode == 2
    assert re.search(rf'pip install .*{re.escape(advice)}"', result.stderr) and "Traceback" not in result.stderr


@pytest.mark.slow
def test_wheel_owns_two_names_and_ships_the_kernels(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    roots = {name.split("/")[0] for name in names if ".dist-info" not in name}
    assert wheel.name.endswith("py3-none-any.whl")
    assert roots == {"lama_deploy", "lama_export"}
    assert "lama_deploy/_kernels/README.md" in names and "lama_export/export.py" in names
    assert {f"lama_deploy/_cpp/{name}" for name in ("CMakeLists.txt", "include/lama/inpainter.h")} <= set(names)
    assert {"lama_deploy/py.typed", "lama_export/py.typed", "lama_deploy/data/lama-demo.onnx"} <= set(names)
    (metadata,) = (name for name in names if name.endswith("/METADATA"))
    text = zipfile.ZipFile(wheel).read(metadata).decode()
    assert "Classifier: Typing :: Typed" in text and "Project-URL: Paper, https://" in text
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links and all("://" in link for link in links)


@pytest.mark.slow
def test_source_distribution_has_the_documentation_and_builds_the_wheel(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)  # the wheel from the source distribution
    (source,), (wheel,) = tmp_path.glob("*.tar.gz"), tmp_path.glob("*.whl")
    with tarfile.open(source) as archive:
        names = {name.partition("/")[2] for name in archive.getnames()}
    assert {"docs/how-it-works.md", "docs/demo.jpg", "Makefile", "requirements-dev.txt", "hatch_build.py"} <= names
    assert {f"lama_deploy/{part}/CMakeLists.txt" for part in ("_kernels", "_cpp")} <= set(
        zipfile.ZipFile(wheel).namelist()
    )


def test_links_of_a_description_lead_somewhere_or_nowhere() -> None:
    pytest.importorskip("hatchling", reason="hatchling is not installed")
    spec = importlib.util.spec_from_file_location("hatch_build", ROOT / "hatch_build.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    text = "![A picture](docs/a.jpg) of [it](docs/a.md), [paper](https://host/x) and [below](#below)"
    assert module.for_an_index(text, "") == " of it, [paper](https://host/x) and [below](#below)"
    assert module.for_an_index(text, "https://host/raw/") == text.replace("(docs", "(https://host/raw/docs")
