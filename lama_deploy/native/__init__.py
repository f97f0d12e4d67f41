"""liblama_spectral in Python: found or compiled (build), bound without torch (library), a PyTorch op on top (op)."""
