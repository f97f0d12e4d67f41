"""What a family of hostile input is."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

FAMILIES = Path(__file__).parent / "families"


class Family(Protocol):
    """A module of `families`.

    TIME_BOUND: seconds that a case may take, generously; a longer one counts as a hang.
    MEMORY_BUDGET: bytes by which the process may grow at the peak of a case.
    COUNT: cases of the suite's run.
    """

    TIME_BOUND: float
    MEMORY_BUDGET: int
    COUNT: int

    def prepare(self, folder: Path) -> Any:
        """What all cases share, such as a model and good files; once a process."""

    def case(self, shared: Any, folder: Path, seed: int) -> None:
        """Make case number `seed` in `folder`, which is empty, and try it.

        The crafted ones are the first seeds, random ones follow. Returns where the input was taken and all that was
        asserted of the result held, raises the LamaDeployError with which it was refused; all else is a failure.
        """


def names() -> list[str]:
    return sorted(file.stem for file in FAMILIES.glob("[a-z]*.py"))


def family(name: str) -> Family:
    return cast(Family, import_module(f"tests.hostile.families.{name}"))
