"""SpectralConv as a TensorRT plugin in Python, with enough of it to build an engine."""

from typing import Any


def creator_of(trt: Any) -> Any:
    class Plugin(trt.IPluginV3, trt.IPluginV3OneCore, trt.IPluginV3OneBuild, trt.IPluginV3OneRuntime):  # type: ignore[misc]
        def __init__(self) -> None:
            for base in Plugin.__bases__:
                base.__init__(self)
            self.plugin_name, self.plugin_version, self.plugin_namespace = "SpectralConv", "1", ""
            self.num_outputs = 1

        def get_capability_interface(self, kind: Any) -> Any:
            return self

        def clone(self) -> Any:
            return Plugin()

        def get_output_data_types(self, inputs: Any) -> Any:
            return [inputs[0]]

        def get_output_shapes(self, inputs: Any, shape_inputs: Any, builder: Any) -> Any:
            output = trt.DimsExprs(4)
            for axis in range(4):
                output[axis] = inputs[0][axis]
            return [output]

        def supports_format_combination(self, position: int, tensors: Any, inputs: int) -> bool:
            asked = tensors[position].desc
            return asked.format == trt.TensorFormat.LINEAR and asked.type == tensors[0].desc.type

        def configure_plugin(self, inputs: Any, outputs: Any) -> None:
            assert len(inputs) == 8  # x, weight, bias and the five DFT matrices

        def get_workspace_size(self, inputs: Any, outputs: Any) -> int:
            return 0

        def get_valid_tactics(self) -> list[int]:
            return []

        def get_fields_to_serialize(self) -> Any:
            return trt.PluginFieldCollection([])

    class Creator(trt.IPluginCreatorV3One):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.name, self.plugin_version, self.plugin_namespace = "SpectralConv", "1", ""
            self.field_names = trt.PluginFieldCollection([])

        def create_plugin(self, name: str, fields: Any, phase: Any) -> Any:
            return Plugin()

    return Creator()
