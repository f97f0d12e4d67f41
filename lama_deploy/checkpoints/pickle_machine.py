"""What a pickle's opcodes work on, with bounds."""

from __future__ import annotations

from typing import Any

from lama_deploy.checkpoints.pickle_values import DamagedPickleError

# A checkpoint of big-lama with an optimizer's state takes 82,000; a whole training of 250 blocks this many.
MOST_STEPS = 2_000_000  # opcodes, and items copied beyond them; each builds at most 250 bytes besides text

Stack = list[Any]


class Machine:
    """The stack, the stacks below its marks, and the memo, which no opcode can make larger than by one value."""

    def __init__(self) -> None:
        self.stack: Stack = []
        self.below: list[Stack] = []
        self.memo: dict[int, Any] = {}
        self.steps = 0

    def charge(self, steps: int) -> None:
        self.steps += steps
        if self.steps > MOST_STEPS:
            raise DamagedPickleError(f"it takes more than {MOST_STEPS:,} steps, which no checkpoint does")

    def pop(self) -> Any:
        if not self.stack:
            raise DamagedPickleError("it takes a value that is not there")
        return self.stack.pop()

    def top(self) -> Any:
        if not self.stack:
            raise DamagedPickleError("it uses a value that is not there")
        return self.stack[-1]

    def since_mark(self) -> Stack:
        """The values above the mark, which goes with them."""
        if not self.below:
            raise DamagedPickleError("it uses a mark that is not there")
        values, self.stack = self.stack, self.below.pop()
        return values
