"""The generator as it runs fastest on NVIDIA GPUs, for inference only."""
