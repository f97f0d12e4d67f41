"""Weights: read without running anything, recognised by their keys, found by name."""
