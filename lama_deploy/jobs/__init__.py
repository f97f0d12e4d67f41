"""Many pictures through one Inpainter."""
