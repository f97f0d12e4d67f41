"""What a run on a lease is asked between its steps: is it time to save, to measure, to end."""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from attempts import first_line
from held_out import HeldOut
from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.disk import appears_whole
from lama_deploy.errors import LamaDeployError
from lama_deploy.training.config import TrainConfig
from lama_deploy.training.loop import Run
from lama_deploy.training.state import LAST, WEIGHTS
from lama_deploy.training.watch import Watch
from lease_plan import Plan
from state_parts import write_parts

SCORES = "scores.jsonl"
STATE = "state"
WARM_UP = 5  # steps that no clock counts: the first ones choose kernels


class Records:
    """OUT/scores.jsonl: one line a score, and OUT/generator.safetensors: the best weights until now."""

    def __init__(self, out: Path, lines: list[dict[str, Any]]) -> None:
        self.out, self.lines = out, lines

    @property
    def best(self) -> dict[str, Any] | None:
        scored = [line for line in self.lines if "ratio" in line]
        return min(scored, key=lambda line: line["ratio"], default=None)

    def add(self, line: dict[str, Any]) -> None:
        """Raises OSError where the disk refuses."""
        self.lines.append(line)
        with appears_whole(self.out / SCORES) as stream:
            stream.write("".join(json.dumps(each) + "\n" for each in self.lines).encode())

    def keep_best(self, line: dict[str, Any], weights: Path) -> None:
        """Weights first: a kill in between leaves better ones than the lines say, never worse."""
        if self.best is None or line["ratio"] < self.best["ratio"]:
            trained = load_checkpoint(weights)
            save_checkpoint(self.out / WEIGHTS, trained.config, trained.state_dict, half=True)
        self.add(line)


def read_records(folder: Path, out: Path) -> Records:
    """The lines of an earlier lease, and its best weights beside them in `out`. A line that is none is left out."""
    lines = []
    path = folder / SCORES
    for text in path.read_text(encoding="utf-8").splitlines() if path.is_file() else []:
        try:
            line = json.loads(text)
        except ValueError:
            continue
        lines += [line] if isinstance(line, dict) else []
    if (folder / WEIGHTS).is_file() and folder.resolve() != out.resolve():
        shutil.copyfile(folder / WEIGHTS, out / WEIGHTS)
    return Records(out, lines)


@dataclass
class LeaseWatch(Watch):
    """One run. budget: its seconds of training, None for all that is left. pause: seconds in which others run later.

    trained: seconds trained before. keeps_state: whether its state goes to OUT; say: prints a line.
    """

    name: str
    plan: Plan
    config: TrainConfig
    run: Run
    held_out: HeldOut
    records: Records
    facts: dict[str, Any]
    say: Callable[[str], None]
    budget: float | None = None
    pause: float = 0.0
    trained: float = 0.0
    keeps_state: bool = True

    def __post_init__(self) -> None:
        self.reserve = self.plan.reserve
        self.last_ratio: float | None = None
        self._first: int | None = None
        self._restart(time.monotonic())

    def share(self, step: int, steps: int) -> float:
        now = time.monotonic()
        if self._first is None or step < self._first + WARM_UP:
            self._first = step if self._first is None else self._first
            self._restart(now)
        left = max(0.0, self.plan.end - self.reserve - now - self.pause)
        done = self.seconds(now)
        return min(1.0, done / max(done + left, 1e-6))

    def seconds(self, now: float | None = None) -> float:
        """Trained until now, or until the last step, with what earlier runs trained."""
        return self.trained + (self._last if now is None else now) - self._since

    def is_enough(self, step: int) -> bool:
        now = time.monotonic()
        self._last = now
        spent = self.budget is not None and now - self._since >= self.budget
        self._ended = spent or now >= self.plan.end - self.reserve
        return self._ended

    def wants_save(self, step: int) -> bool:
        now = time.monotonic()
        return now >= self._next_save or self._is_time_for_score(now)

    def _is_time_for_score(self, now: float) -> bool:
        """None begins that would run into the last one's time."""
        return now >= self._next_score and now + self.reserve / 2 < self.plan.end - self.reserve

    def saved(self, step: int) -> None:
        """Into OUT what comes back; then a score where it is time for one."""
        now = time.monotonic()
        self._next_save = now + self.plan.save_every
        if self.keeps_state:
            self.write_state()
        if self._ended or self._is_time_for_score(now):
            self._next_score = now + self.plan.score_every
            self._score(step, now)
            self.reserve = max(self.reserve, 2 * (time.monotonic() - now))

    def write_state(self) -> None:
        """The run's last save, in parts."""
        facts = self.facts | {"run": self.name, "trained": self.seconds()}
        write_parts(self.records.out / STATE, self.run.out / LAST, self.config.generator, facts, self.plan.part_bytes)

    def _score(self, step: int, now: float) -> None:
        try:
            scores = self.held_out.score(self.run.out / WEIGHTS)
        except (LamaDeployError, RuntimeError) as error:
            self.say(f"{self.name}, step {step}: no score ({first_line(error)}); the training goes on")
            return
        self.last_ratio = self.held_out.ratio(scores)
        trained, clock = round(self.seconds(), 1), round(now - self.plan.started, 1)
        line = {"model": self.name, "step": step, "batch": self.config.data.batch_size, "trained": trained}
        self.records.keep_best(line | {"clock": clock, "ratio": self.last_ratio, **scores}, self.run.out / WEIGHTS)
        shown = ", ".join(f"{name} {value:.4f}" for name, value in scores.items())
        self.say(f"{self.name}, step {step}, {trained:.0f} s trained: {shown}; {self.last_ratio:.3f} of the opponents'")

    def _restart(self, now: float) -> None:
        self._since = self._last = now
        self._next_save = now + self.plan.save_every
        self._next_score = now + self.plan.score_every
        self._ended = False
