"""Model repositories for NVIDIA's Triton, made of a bundle."""
