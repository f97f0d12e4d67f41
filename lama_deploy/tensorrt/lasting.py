"""What the libraries of NVIDIA hold pointers to for as long as a process lives."""

from __future__ import annotations

import ctypes


def never_free(thing: object) -> None:
    """Not even when the interpreter ends and clears its modules: the libraries' own ends come later."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(thing))
