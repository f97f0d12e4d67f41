"""Engines of TensorRT and TensorRT-RTX: built, listed, proven."""
