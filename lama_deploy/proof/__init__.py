"""Parity and benchmarks: measure -> record -> table and page."""
