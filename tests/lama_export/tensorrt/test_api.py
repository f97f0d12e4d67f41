"""What the exporter calls of TensorRT exists in every version that it says it supports.

TensorRT itself cannot be installed without a GPU's machine; the names of its Python bindings are kept in
tests/data/tensorrt_api.json.
"""

import ast
import json
from pathlib import Path

import pytest

import lama_deploy
import lama_export

API = json.loads((Path(__file__).parents[2] / "data" / "tensorrt_api.json").read_text())
VERSIONS = tuple(API["also"])
SOURCES = sorted(
    path
    for package, pattern in (
        (lama_export, "engine_options.py"),
        (lama_export, "tensorrt/*.py"),
        *(
            (lama_deploy, f"tensorrt/{name}.py")
            for name in ("modules", "log", "engine", "context", "stream", "slots", "session", "plugin/*")
        ),
        (lama_deploy, "runtime/backends/tensorrt.py"),
        (lama_deploy, "proof/layers/runners.py"),
    )
    for path in Path(package.__file__).parent.glob(pattern)
)
MODULES = {"trt", "module"}  # what the sources call either module of TensorRT
ONLY_RTX = {"ComputeCapability", "CudaGraphStrategy", "DynamicShapesKernelSpecializationStrategy"}
# Of ExportOptions, and of liblama_spectral; attributes of these names are gone since 11.
OURS = {"precision", "workspace_size"}
GUARDED = {"10.13.3.9": {"ENABLE_PLUGIN_OVERRIDE", "INCLUDE_REFIT"}}  # asked for by hasattr first


def names_of(version: str) -> tuple[set[str], set[str]]:
    """(names of the module, names of members of any of its classes)."""
    parts = API["everywhere"], API["also"][version]
    return {name for part in parts for name in part}, {m for part in parts for ms in part.values() for m in ms.split()}


def attributes(*, of_module: bool) -> set[str]:
    """Every x.name in the sources, x being the module itself or something else."""
    nodes = [node for path in SOURCES for node in ast.walk(ast.parse(path.read_text()))]
    found = (node for node in nodes if isinstance(node, ast.Attribute))
    return {
        node.attr
        for node in found
        if (isinstance(node.value, ast.Name) and node.value.id in MODULES) == of_module
        and not node.attr.startswith("__")
    }


@pytest.mark.parametrize("version", VERSIONS)
def test_module_has_every_name(version: str) -> None:
    used = attributes(of_module=True) - ONLY_RTX
    assert {"Builder", "OnnxParser", "BuilderFlag", "IProgressMonitor"} <= used
    assert used <= names_of(version)[0]


@pytest.mark.parametrize("version", VERSIONS)
def test_classes_have_every_member(version: str) -> None:
    """Of the attributes in the sources, those that any version's classes have are TensorRT's."""
    tensorrt = set().union(*(names_of(other)[1] for other in VERSIONS))
    used = attributes(of_module=False) & tensorrt - OURS
    assert {"build_serialized_network", "STRONGLY_TYPED", "PLUGIN_V3", "progress_monitor"} <= used
    assert used - GUARDED.get(version, set()) <= names_of(version)[1]


@pytest.mark.trt
def test_rtx_has_every_name() -> None:
    import tensorrt_rtx

    assert all(hasattr(tensorrt_rtx, name) for name in attributes(of_module=True))
