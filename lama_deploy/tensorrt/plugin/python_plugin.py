"""SpectralConv as a TensorRT plugin in Python, over liblama_spectral: where the compiled plugin cannot be had.

Its name, version, namespace and fields are those of kernels/plugin, so engines built with the one run with the other.

What the Python bindings make of a plugin (the same in TensorRT 10.13 to 11.4 and TensorRT-RTX 1.7):
- An exception is printed and becomes the callback's error code; only one from `clone` ends the process.
- TensorRT deletes a plugin's C++ part. Python would delete it again with the object around it, which therefore must
  never be freed; the first deletion calls `destroy`, which drops what weighs something.
- Collections of fields are addresses: what they point to must be kept.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache, wraps
from pathlib import Path
from typing import Any

import numpy as np

from lama_deploy.disk import sha256_of
from lama_deploy.errors import EngineError, KernelError
from lama_deploy.native.library import (
    BACKENDS,
    WORKSPACE_ALIGNMENT,
    MissingLibraryError,
    SpectralLibrary,
    SpectralPlan,
)
from lama_deploy.tensorrt.lasting import never_free
from lama_deploy.tensorrt.plugin.plans import ContextPlans, SharedPlans, current_device
from lama_deploy.tensorrt.plugin.tactics import AUTO, valid_tactics
from lama_deploy.tensorrt.plugin.tensors import TensorReader

log = logging.getLogger(__name__)
PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE, BACKEND_FIELD = "SpectralConv", "1", "", "backend"
X, WEIGHT, BIAS, FIRST_IGNORED = range(4)  # of the inputs; DFT matrices follow, for engines without a plugin
SLACK = WORKSPACE_ALIGNMENT - 1  # TensorRT does not say how it aligns workspaces, so room to align one is asked for


def register_python_plugin(module: Any, library: SpectralLibrary, device: Callable[[], int] = current_device) -> None:
    """Register the plugin with the module of TensorRT, for the life of the process.

    device: the ordinal of the current CUDA device, asked for when an engine runs. Raises EngineError where a plugin of
    that name is registered.
    """
    creator = creator_of(module, plugin_class(module, library, device))
    if not module.get_plugin_registry().register_creator(creator, PLUGIN_NAMESPACE):
        raise EngineError(f"a {PLUGIN_NAME} is registered in this process already; it can hold one")


def creator_of(trt: Any, plugin: Callable[[int], Any]) -> Any:
    """An IPluginCreatorV3One: a node's attributes, or an engine's fields -> plugin(backend)."""

    class Creator(trt.IPluginCreatorV3One):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.name, self.plugin_version, self.plugin_namespace = PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE
            self.number = np.zeros(1, np.int32)
            self.fields = _fields(trt, self.number)
            self.field_names = self.fields
            never_free(self)  # the registry has its address

        def create_plugin(self, name: str, fields: Any, phase: Any) -> Any:
            """None for fields that are no plugin's, with one line in the log."""
            try:
                return plugin(_backend(trt, fields))
            except KernelError as error:
                log.error("%s: %s", PLUGIN_NAME, error)
                return None

    return Creator()


def plugin_class(trt: Any, library: SpectralLibrary, device: Callable[[], int]) -> Callable[[int], Any]:
    """The class of plugins of one of TensorRT's modules, which share their plans."""
    interfaces = (trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime)
    shared = SharedPlans(library, device)
    members = {"trt": trt, "interfaces": interfaces, "library": library, "tensors": TensorReader(trt), "shared": shared}
    members["kernels"] = sha256_of(Path(library.path))[:16]
    return type(PLUGIN_NAME, (SpectralConv, *interfaces), members)


def _reported(callback: Callable[..., Any]) -> Callable[..., Any]:
    """One line in the log about a failure, of which TensorRT learns a code only."""

    @wraps(callback)
    def wrapped(*arguments: Any) -> Any:
        try:
            return callback(*arguments)
        except Exception as error:
            log.error("%s: %s", PLUGIN_NAME, error)
            raise

    return wrapped


class SpectralConv:
    """y = irfft2(relu(weight @ rfft2(x) + bias)), to be combined with TensorRT's interfaces by `plugin_class`.

    Inputs: x, weight, bias, and what else the ONNX node gives to engines without a plugin, which is ignored. Weights
    are inputs of every run, so refitting an engine needs nothing of the plugin. The methods are TensorRT's callbacks.
    """

    trt: Any
    interfaces: tuple[Any, ...]
    library: SpectralLibrary
    kernels: str  # which they are, by the library's hash
    tensors: TensorReader
    shared: SharedPlans

    def __init__(self, backend: int, tactic: int = AUTO) -> None:
        for interface in self.interfaces:
            interface.__init__(self)
        self.plugin_name, self.plugin_version, self.plugin_namespace = PLUGIN_NAME, PLUGIN_VERSION, PLUGIN_NAMESPACE
        self.num_outputs = 1
        # Timings depend on these kernels and on what the node chose, besides shapes and formats, which TensorRT adds.
        self.timing_cache_id = f"{self.kernels}-python-{BACKENDS[backend]}"
        self._backend, self._tactic = backend, tactic
        self._tactics: list[int] = []
        self._x: Any = None  # of the last shape change
        self._number = np.array([backend], np.int32)
        self._fields = _fields(self.trt, self._number)
        self._plans = ContextPlans(self.shared)
        never_free(self)

    def get_capability_interface(self, kind: Any) -> Any:
        return self

    def clone(self) -> Any:
        return type(self)(self._backend, self._tactic)

    def attach_to_context(self, context: Any) -> Any:
        return self.clone()

    def destroy(self) -> None:
        self._plans.clear()

    @_reported
    def get_output_data_types(self, inputs: Sequence[Any]) -> list[Any]:
        _check_count(len(inputs))
        return [inputs[X]]

    @_reported
    def get_output_shapes(self, inputs: Sequence[Any], shape_inputs: Sequence[Any], builder: Any) -> list[Any]:
        _check_count(len(inputs))
        return [inputs[X]]

    def supports_format_combination(self, position: int, tensors: Sequence[Any], input_count: int) -> bool:
        if input_count < FIRST_IGNORED:
            return False
        x, asked, trt = tensors[X].desc, tensors[position].desc, self.trt
        if position == X:
            return self.tensors.takes(x)
        if position == input_count:
            return bool(asked.type == x.type and asked.format == x.format)
        type_fits = position >= FIRST_IGNORED or asked.type == x.type
        return bool(type_fits and asked.format == trt.TensorFormat.LINEAR)

    @_reported
    def configure_plugin(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        _check_count(len(inputs))
        _check_weights(*(tuple(inputs[index].desc.dims) for index in (X, WEIGHT, BIAS)))
        self._workspace_size(inputs[X])  # get_workspace_size has no way to fail
        times = self._backend == AUTO and self.trt.__name__ != "tensorrt_rtx"  # which chooses as a shape comes
        self._tactics = valid_tactics(self.library, self.tensors, self._plans, inputs[X]) if times else []

    def get_valid_tactics(self) -> list[int]:
        """Of the formats and profile of the last `configure_plugin`: indices of BACKENDS."""
        return self._tactics

    def get_workspace_size(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> int:
        return self._workspace_size(inputs[X])

    def get_fields_to_serialize(self) -> Any:
        return self._fields

    @_reported
    def set_tactic(self, tactic: int) -> None:
        """0: the node's own choice."""
        if tactic not in range(len(BACKENDS)):
            raise KernelError(f"tactic {tactic} is none of 0, 1 (cuFFT) and 2 (tensor cores)")
        self._tactic = tactic
        if self._x is not None:  # a shape that came before its tactic: enqueue prepares nothing
            self._plan_for(self._x)

    @_reported
    def on_shape_change(self, inputs: Sequence[Any], outputs: Sequence[Any]) -> None:
        self._x = inputs[X]
        self._plan_for(self._x)

    @_reported
    def enqueue(
        self,
        input_descs: Sequence[Any],
        output_descs: Sequence[Any],
        inputs: Sequence[int],
        outputs: Sequence[int],
        workspace: int,
        stream: int,
    ) -> None:
        plan = self._plan_for(input_descs[X])  # of a shape that on_shape_change has seen: found, not made
        aligned = workspace + -workspace % WORKSPACE_ALIGNMENT
        plan.run(
            *(inputs[X], inputs[WEIGHT], inputs[BIAS], outputs[0]),
            workspace=aligned,
            workspace_bytes=plan.workspace_bytes,
            stream=stream,
        )

    def _workspace_size(self, x: Any) -> int:
        """Bytes for every shape of x's profile, with room to align them."""
        ends = (self.tensors.describe(x.desc, dims, BACKENDS[self._backend]) for dims in (x.min, x.max))
        return self.library.workspace_size_range(*ends) + SLACK

    def _plan_for(self, x: Any) -> SpectralPlan:
        """Of the tactic; where its libraries are not here, of the node's own choice, which knows another way."""
        if self._tactic != AUTO:
            try:
                return self._plans.get(self.tensors.describe(x, x.dims, BACKENDS[self._tactic]))
            except MissingLibraryError as error:
                _warn_of_another_way(str(error))
                self._tactic = AUTO
        return self._plans.get(self.tensors.describe(x, x.dims, BACKENDS[self._backend]))


@cache
def _warn_of_another_way(reason: str) -> None:
    log.warning("%s: its engine was built to run another way, and may be slower here: %s", PLUGIN_NAME, reason)


def _check_count(input_count: int) -> None:
    if input_count < FIRST_IGNORED:
        raise KernelError(f"it takes x, weight, bias; the node has {input_count} inputs")


def _check_weights(x: tuple[int, ...], weight: tuple[int, ...], bias: tuple[int, ...]) -> None:
    channels = x[1]
    twice = 2 * channels
    if weight[:2] != (twice, twice) or bias != (twice,):
        raise KernelError(f"x has {channels} channels; then weight is {twice} x {twice} x 1 x 1 and bias has {twice}")


def _fields(trt: Any, number: np.ndarray[Any, np.dtype[np.int32]]) -> Any:
    """The only field. Its value lies in `number`, which has to be kept.

    As the type that callbacks give: the bindings convert the other one only in threads that came through Python.
    """
    fields = trt.PluginFieldCollection([trt.PluginField(BACKEND_FIELD, number, trt.PluginFieldType.INT32)])
    return trt.PluginFieldCollection_(fields)


def _backend(trt: Any, fields: Any) -> int:
    """An index of BACKENDS, 0 where no field says another. Raises KernelError."""
    found = 0
    for field in fields or ():
        if field.name != BACKEND_FIELD:
            continue
        if field.type != trt.PluginFieldType.INT32 or field.size != 1:
            raise KernelError(f"field {BACKEND_FIELD} is not one int32")
        found = int(field.data[0])
    if found not in range(len(BACKENDS)):
        raise KernelError(f"field {BACKEND_FIELD} is {found}; 0: automatic, 1: cuFFT, 2: tensor cores")
    return found
