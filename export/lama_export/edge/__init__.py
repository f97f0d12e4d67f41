"""Engines of phones and other small machines: LiteRT, Core ML, MNN, ncnn."""
