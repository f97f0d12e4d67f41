"""The Fourier unit on a GPU."""
