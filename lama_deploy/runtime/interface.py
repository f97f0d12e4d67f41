"""What goes into a model file of lama-export and comes out of it: checked as it is opened, not when it fails."""

from __future__ import annotations

from collections.abc import Mapping
from os import PathLike

from lama_deploy.errors import BundleError, brief

Value = tuple[str, int | None]  # dtype, and number of dimensions where the file fixes one
INTERFACES: Mapping[str, Mapping[str, Value]] = {
    "uint8": {"image": ("uint8", 4), "mask": ("uint8", 3), "result": ("uint8", 4)},
    "float": {"image": ("float32", 4), "mask": ("float32", 4), "result": ("float32", 4)},
}


def check_interface(model: str | PathLike[str], io: str | None, found: Mapping[str, Value], target: str) -> str:
    """The interface that a file names, "uint8" or "float", if its inputs and outputs are just those.

    Raises BundleError for any other file. target: what lama-export would make it with.
    """
    expected = INTERFACES.get(io or "")
    if expected is None:
        raise BundleError(
            f"{model}: not a LaMa model of lama-export (it has {_words(found)}); "
            f"make one with lama-export --to {target}"
        )
    for name, (dtype, rank) in expected.items():
        if name not in found or found[name][0] != dtype or found[name][1] not in (rank, None) or len(found) != 3:
            raise BundleError(
                f"{model}: says that its interface is {io}, which is {_words(expected)}, and has {_words(found)}; "
                "export it again"
            )
    return io or ""


def _words(values: Mapping[str, Value]) -> str:
    some = [f"{brief(name, 40)}: {dtype} of {rank} dimensions" for name, (dtype, rank) in list(values.items())[:5]]
    return ", ".join(some) + (f" and {len(values) - 5} more" if len(values) > 5 else "")
