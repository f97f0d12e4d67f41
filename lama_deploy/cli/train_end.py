"""A training that is asked to end by a signal: the step is done, its state saved, and how to go on said."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable

from lama_deploy.cli.signals import Signalled, postponed
from lama_deploy.errors import one_line
from lama_deploy.training.config import TrainConfig
from lama_deploy.training.loop import Run, next_command, train
from lama_deploy.training.state import LAST
from lama_deploy.training.watch import Watch


class UntilAsked(Watch):
    """Ends the run after the step in which `asked` first gives a signal's number."""

    def __init__(self, asked: Callable[[], int | None]) -> None:
        self.asked = asked
        self.step = 0  # whose state was saved last

    def is_enough(self, step: int) -> bool:
        return self.asked() is not None

    def saved(self, step: int) -> None:
        self.step = step


def _how_to_go_on(run: Run) -> str:
    if not (run.out / LAST).exists():
        return "nothing is there to go on from; begin it again"
    where = "" if run.accelerator == "auto" else f" --accelerator {run.accelerator}"
    return f"go on with: lama-train --resume --out {shlex.quote(str(run.out))}{where}"


def train_until_asked(config: TrainConfig, run: Run) -> None:
    """Raises Signalled where a signal ended the run, and the errors of `train`.

    Of several processes none can end after a step of its own choice: there a signal ends them without another save.
    """
    if run.devices > 1 or "LOCAL_WORLD_SIZE" in os.environ or "WORLD_SIZE" in os.environ:
        train(config, run)
        return
    with postponed() as asked:
        watch = UntilAsked(asked)
        try:
            train(config, run, watch=watch)
        except RuntimeError:  # of a DataLoader whose processes had the signal too
            if asked() is None:
                raise
        number = asked()
        if number is None:
            print(one_line(f"written to {run.out}; next: {next_command(run)}"))
            return
        saved = f"its state after step {watch.step} is saved" if watch.step else "no further state was saved"
        print(one_line(f"stopped; {saved}; {_how_to_go_on(run)}"), flush=True)
    raise Signalled(number)
