"""Targets of phones and other small machines: MNN, ncnn, LiteRT, Core ML."""
