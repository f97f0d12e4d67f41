"""From a checkpoint to a proven bundle."""

from lama_export.export import ExportOptions, export_onnx

__all__ = ["ExportOptions", "export_onnx"]
