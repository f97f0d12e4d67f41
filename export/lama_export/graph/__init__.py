"""A generator as an ONNX graph."""
