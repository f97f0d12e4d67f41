"""Benchmarks: candidates in turns -> record -> page."""
