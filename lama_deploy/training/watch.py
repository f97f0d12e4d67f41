"""What a run is asked between its steps, so that a clock can govern it as well as a number of steps."""

from __future__ import annotations


class Watch:
    """Leaves everything to the configuration; a caller that runs against a clock overrides what it needs.

    With several processes every one of them has to answer alike.
    """

    def share(self, step: int, steps: int) -> float:
        """How much of the run lies behind it before step `step` of `steps`, 0 to 1: the learning rates follow it."""
        return step / steps

    def wants_save(self, step: int) -> bool:
        """Whether to save after `step` steps, beside the saves of the configuration."""
        return False

    def is_enough(self, step: int) -> bool:
        """Whether the run ends after `step` steps; it is saved then."""
        return False

    def saved(self, step: int) -> None:
        """The state after `step` steps was written. Called in the first process."""
