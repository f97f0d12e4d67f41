"""Engines and tools that others wrote, each in an environment of its own, run files that `lama-export` makes."""
