"""Python and C++ read the same in a bundle.json, and refuse the same in the same words."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
from collections.abc import Mapping
from dataclasses import astuple
from pathlib import Path
from typing import Any

import pytest

from lama_deploy.bundle import MODELS, Bundle, load_bundle
from lama_deploy.errors import BundleError
from lama_deploy.runtime.memory import estimated_memory
from lama_deploy.variants import GeneratorConfig
from tests.cpp.manifests import ENGINE, MEMORY, changed

AT_ONCE = 500  # folders that one process reads
ROOT = Path(__file__).parents[2]
MOST = 2**62  # bytes that C++ counts; more is more than there is
PRECISIONS = ("", "fp32", "fp16", "bf16", "int8")


def said_by_python(folder: Path) -> dict[str, Any]:
    try:
        bundle = load_bundle(folder)
    except BundleError as error:
        return {"error": str(error).replace("…", "...")}
    return {
        "target": bundle.target,
        "precision": bundle.precision,
        "io": bundle.io,
        "decoder": bundle.decoder,
        "version": bundle.engine.get("version", ""),
        "plugin": plugin_of(bundle.engine),
        "runs on": runs_on(bundle.engine),
        "generator": generator_of(bundle.config),
        "fixed": bundle.fixed_shape and list(bundle.fixed_shape),
        "ranges": ranges_of(bundle),
        "memory": {f"{backend} {precision}": memory_of(backend, bundle, precision)
                   for backend in ("onnxruntime", "openvino") for precision in PRECISIONS},
    }  # fmt: skip


def plugin_of(engine: Mapping[str, Any]) -> list[Any]:
    plugin = engine.get("plugin")
    of = plugin or {}
    return [plugin is not None, of.get("kind") == "python", of.get("file") or ""]


def runs_on(engine: Mapping[str, Any]) -> list[Any]:
    """Versions and GPUs, as far as the record says."""
    gpu = engine.get("gpu") or {}
    return [
        engine.get("version_compatible", False),
        engine.get("hardware_compatibility", "none"),
        gpu.get("name", ""),
        gpu.get("compute_capability", ""),
        engine.get("compute_capabilities", []),
    ]


def generator_of(config: GeneratorConfig) -> list[Any]:
    return [config.kind, config.width, config.downsamplings, config.blocks, config.ratio, config.max_channels]


def ranges_of(bundle: Bundle) -> list[Any]:
    batch, profiles = bundle.engine.get("batch", {}), bundle.engine.get("profiles", [])
    return [[[batch[which], *profile[which]] for which in ("min", "opt", "max")] for profile in profiles]


def memory_of(backend: str, bundle: Bundle, precision: str) -> list[Any] | None:
    memory = estimated_memory(backend, bundle, precision or None)
    if memory is None:
        return None
    fixed, *others = astuple(memory)
    return [min(fixed, MOST), *others]


def said_by_cpp(tree: Path, folders: list[Path]) -> list[dict[str, Any]]:
    program, lines = tree / "tests" / "engines" / "bundle_says", ""
    for first in range(0, len(folders), AT_ONCE):
        names = [str(folder) for folder in folders[first : first + AT_ONCE]]
        lines += subprocess.run([str(program), *names], capture_output=True, text=True, timeout=120, check=True).stdout
    return [json.loads(line) for line in lines.splitlines()]


@pytest.mark.parametrize("target", ["onnx", "openvino", "trt"])
def test_every_change(target: str, tree: Path, tiny_bundles: Mapping[str, Path], tmp_path: Path) -> None:
    manifest = json.loads((tiny_bundles["openvino"] / "bundle.json").read_text())
    names = {"onnx": "model.onnx", "openvino": "model.xml", "trt": "model.engine"}
    model = b"no model, which nobody opens here"
    sha256 = hashlib.sha256(model).hexdigest()
    manifest |= {"target": target, "memory": MEMORY, "files": {names[target]: {"bytes": len(model), "sha256": sha256}}}
    manifest |= {"engine": ENGINE} if target == "trt" else {}
    if target == "onnx":
        manifest["inputs"] = {"mask": {"dtype": "uint8", "shape": [2, 64, 96]}}
    folders = []
    for index, (what, values) in enumerate([("as it is", manifest), *changed(manifest)]):
        folders.append(tmp_path / str(index))
        folders[-1].mkdir()
        (folders[-1] / names[target]).write_bytes(model)
        (folders[-1] / "bundle.json").write_text(json.dumps(values))
        (folders[-1] / "what").write_text(what)
    for folder, found in zip(folders, said_by_cpp(tree, folders), strict=True):
        found.pop("status", None)
        assert found == said_by_python(folder), (folder / "what").read_text()


def test_the_targets_are_those_of_python() -> None:
    """Those that it opens, and those that it says to open elsewhere."""
    source = (ROOT / "cpp" / "src" / "bundle" / "manifest.cpp").read_text()
    (known,) = re.findall(r'"target", one_of\(\{(.*?)\}\)', source, re.DOTALL)
    (elsewhere,) = re.findall(r"const char \*other : \{(.*?)\}", source, re.DOTALL)
    assert re.findall(r'"([\w-]+)"', known) == list(MODELS)
    assert {*re.findall(r'"([\w-]+)"', elsewhere)} == MODELS.keys() - {"onnx", "openvino", "trt", "trt-rtx"}
