"""Runtimes, precisions, load times, memory and training on a CPU."""
