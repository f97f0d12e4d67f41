"""What TensorRT asks of who opens an engine besides the engine: plugins registered, host code allowed.

The rules are those of NVIDIA's headers, named beside each.
"""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

OWN = "FFTPlugin"  # of libnvinfer_plugin, which ONNX's DFT operator becomes from 11.2


class Registry:
    """IPluginRegistry. A library of the emulation is a text: the names of its plugins. say: gets errors."""

    def __init__(self, say: Callable[[str], None] = lambda line: None) -> None:
        self.say = say
        self.creators: dict[str, str] = {}
        self.loaded: list[str] = []

    def load_library(self, path: str) -> object | None:
        """NvInferRuntimeCommon.h, loadLibrary: null for what is no plugin library."""
        names = Path(path).read_text().split()
        if not names:
            return None
        # registerCreator: false for a name that is there. What follows is worse: the library is closed again, and the
        # registry keeps its creators (seen with TensorRT-RTX 1.7).
        assert not self.creators.keys() & set(names), "a plugin is registered twice"
        self.creators |= dict.fromkeys(names, path)
        self.loaded.append(path)
        return object()

    def get_creator(self, name: str, version: str, namespace: str) -> str | None:
        """What is not there is said to be an error (seen with TensorRT-RTX 1.7)."""
        found = self.creators.get(name) if (version, namespace) == ("1", "") else None
        if found is None:
            self.say(f"Cannot find plugin: {name}, version: {version}, namespace:{namespace}.")
        return found


def objection(plan: Mapping[str, Any], registry: Registry, host_code_allowed: bool) -> str | None:
    """Why deserializeCudaEngine returns null for what these allow."""
    if plan.get("version_compatible") and not host_code_allowed:
        return "Attempting to deserialize an engine with host code"  # NvInferRuntime.h, setEngineHostCodeAllowed
    missing = [name for name in plan.get("plugins", []) if name not in registry.creators]
    # NvInferRuntimeCommon.h, IPluginRegistry: "used to find plugin implementations during engine deserialization"
    return f"Cannot find plugin: {missing[0]}, version: 1, namespace:." if missing else None


def initialiser(registry: Registry) -> Callable[[Any, str], bool]:
    """init_libnvinfer_plugins, NvInferPlugin.h: registers all of TensorRT's own; again, it changes nothing."""

    def initialise(logger: Any, namespace: str) -> bool:
        assert logger is not None and namespace == ""
        registry.creators[OWN] = "libnvinfer_plugin.so"
        return True

    return initialise
