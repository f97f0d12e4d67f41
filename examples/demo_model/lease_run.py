"""The lease itself: pack to networks to what comes back. See lease.py."""

from __future__ import annotations

import argparse
import shutil
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from attempts import first_line, train_somehow
from held_out import HeldOut, open_held_out, verdict
from lama_deploy.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from lama_deploy.checkpoints.weights import DEMO_FILE
from lama_deploy.errors import CheckpointError, TrainingError
from lama_deploy.training.config import TrainConfig, override
from lama_deploy.training.loop import Run
from lama_deploy.training.state import LAST, WEIGHTS
from lease_plan import Plan, lease_config, rehearsal_config, rehearsal_plan, within_shared_memory
from lease_watch import STATE, LeaseWatch, Records, read_records
from packed import Unpacked, unpack
from rehearsal import drawn_pack, seeded_weights
from state_parts import join_parts, read_facts

SHIPPED, NEW = "shipped", "new"
SHARED_MEMORY = Path("/dev/shm")


@dataclass
class Lease:
    """One lease. config: what is trained, lowered where the machine cannot do it; accelerator: Fabric's name."""

    plan: Plan
    scratch: Path
    corpus: Unpacked
    config: TrainConfig
    held_out: HeldOut
    records: Records
    accelerator: str

    def say(self, line: str) -> None:
        print(f"[{time.monotonic() - self.plan.started:5.0f} s] {line}", flush=True)

    def train(self, name: str, weights: Path | None = None, **options: Any) -> LeaseWatch:
        """One run, or the rest of one that the scratch folder holds. Raises LamaDeployError and RuntimeError."""
        out = self.scratch / name
        start = None if weights is None else str(weights)
        run = Run(data=self.corpus.train, out=out, weights=start, accelerator=self.accelerator)
        run = replace(run, resume=(out / LAST).exists())
        facts = {"pack": self.corpus.sha256}
        watch = LeaseWatch(
            name, self.plan, self.config, run, self.held_out, self.records, facts, say=self.say, **options
        )
        self.config = train_somehow(self.config, run, watch, self.say)
        return watch

    def measure_start(self, name: str, weights: Path) -> None:
        """A score of the weights that a run starts from: training may make them worse before it makes them better."""
        scores = self.held_out.score(weights)
        line = {"model": name, "step": 0, "ratio": self.held_out.ratio(scores), **scores}
        self.records.keep_best(line, weights)
        shown = ", ".join(f"{metric} {value:.4f}" for metric, value in scores.items())
        self.say(f"{name}, before training: {shown}; {line['ratio']:.3f} of the opponents'")


def run_lease(args: argparse.Namespace, started: float, scratch: Path) -> int:
    """Raises LamaDeployError; what lies in args.out then is whole."""
    lease = _open(args, started, scratch)
    if args.resume is not None:
        name, trained = _laid_out(lease, args.resume)
    else:
        name, trained = _trials(lease, _starts(lease, args.rehearse))
    failed = False
    try:
        if args.resume is not None or lease.plan.end - time.monotonic() > lease.plan.reserve:
            lease.train(name, trained=trained)
    except Exception as error:  # whatever it is on a machine nobody has tried: what was reached is worth its line
        failed = True
        lease.say(f"the run ended early: {first_line(error)}")
    lease.say(_conclusion(lease, args.out, name))
    return 2 if failed else 0


def _open(args: argparse.Namespace, started: float, scratch: Path) -> Lease:
    if args.rehearse:
        torch.set_num_threads(1)
        plan = rehearsal_plan(args.seconds)  # without the imports, which would be most of it
        crop, batch, workers, device = args.crop or 32, args.batch or 2, args.workers or 1, "cpu"
    else:
        torch.backends.cudnn.benchmark = True  # one size all along
        plan = replace(Plan(seconds=args.seconds or Plan.seconds), started=started)
        crop, batch, workers, device = args.crop or 128, args.batch or 64, args.workers, "cuda"
    corpus = unpack(args.pack or drawn_pack(scratch), scratch / "corpus.unpacked")
    config, lines = lease_config(corpus, crop, batch, workers)
    config = override(rehearsal_config(config) if args.rehearse else config, args.set)
    if SHARED_MEMORY.is_dir():
        config = within_shared_memory(config, shutil.disk_usage(SHARED_MEMORY).free)
    held_out, more_lines = _held_out(corpus, device, 3 if args.rehearse else None)
    records = Records(args.out, []) if args.resume is None else read_records(args.resume, args.out)
    lease = Lease(plan, scratch, corpus, config, held_out, records, device)
    for line in lines + more_lines:
        lease.say(line)
    lease.say(f"{_machine()}; crops of {crop}, batch {batch}, {config.data.workers} workers, {config.precision}")
    for opponent, scores in held_out.opponents.items():
        lease.say(f"{opponent}: " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()))
        if args.resume is None:
            records.add({"model": opponent, **scores})
    return lease


def _held_out(corpus: Unpacked, device: str, most: int | None) -> tuple[HeldOut, list[str]]:
    try:
        return open_held_out(corpus, device, most)
    except RuntimeError as error:  # of the GPU
        held_out, lines = open_held_out(corpus, "cpu", most)
        return held_out, [*lines, f"scores on the CPU, as {device} fails: {first_line(error)}"]


def _machine() -> str:
    return f"{torch.cuda.get_device_name()}, torch {torch.__version__}" if torch.cuda.is_available() else "CPU"


def _starts(lease: Lease, rehearses: bool) -> Mapping[str, Path | None]:
    """The weights that each trial starts from."""
    if not rehearses:
        return {SHIPPED: DEMO_FILE, NEW: None}
    return {SHIPPED: seeded_weights(lease.scratch / "shipped.safetensors", lease.config.generator), NEW: None}


def _trials(lease: Lease, starts: Mapping[str, Path | None]) -> tuple[str, float]:
    """The better start and the seconds it has trained. The first one's state is kept meanwhile."""
    done: dict[str, LeaseWatch] = {}
    budget = lease.plan.trial_seconds
    for number, (name, weights) in enumerate(starts.items()):
        rest = (len(starts) - 1 - number) * budget
        try:
            if weights is not None:
                lease.measure_start(name, weights)
            done[name] = lease.train(name, weights, budget=budget, pause=rest, keeps_state=not done)
        except Exception as error:  # as above: the other start may do
            if number == len(starts) - 1 and not done:
                raise TrainingError(f"no trial ran: {first_line(error)}") from error
            lease.say(f"the trial {name!r} failed: {first_line(error)}")
    name, best = min(done.items(), key=lambda item: float("inf") if item[1].last_ratio is None else item[1].last_ratio)
    lease.say(f"{name!r} goes on")
    if not best.keeps_state:
        best.write_state()
    return name, best.seconds()


def _laid_out(lease: Lease, folder: Path) -> tuple[str, float]:
    """The state of an earlier lease as the trainer's own. Raises CheckpointError."""
    facts = read_facts(folder / STATE)
    name, trained = facts.get("run"), facts.get("trained")
    if name not in (SHIPPED, NEW) or not isinstance(trained, float):
        raise CheckpointError(f"{folder / STATE}: no state that lease.py wrote; start without --resume")
    if facts.get("pack") != lease.corpus.sha256:
        raise CheckpointError(
            f"{folder / STATE}: is of a run on another pack, with whose scores these could not be compared; give that "
            "pack, or start without --resume"
        )
    join_parts(folder / STATE, lease.scratch / name / LAST)
    lease.say(f"{name!r} goes on from step {facts['step']}, {trained:.0f} s trained")
    return name, trained


def _conclusion(lease: Lease, out: Path, name: str) -> str:
    best = lease.records.best
    if best is None:
        trained = load_checkpoint(lease.scratch / name / WEIGHTS)
        save_checkpoint(out / WEIGHTS, trained.config, trained.state_dict, half=True)
        return f"{out / WEIGHTS}: the last weights; nothing could be measured, do that before shipping them"
    scores = {metric.name: best[metric.name] for metric in lease.held_out.metrics if metric.name in best}
    return f"{out / WEIGHTS} (step {best['step']}) {verdict(lease.held_out, scores)}"
