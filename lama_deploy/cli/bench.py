"""lama-bench: how fast are bundles on this machine, against each other and against eager PyTorch?"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence

from lama_deploy.bench.candidates import (
    DEFAULT_SIZES,
    EAGER,
    Candidate,
    default_sizes,
    open_candidate,
    open_eager,
)
from lama_deploy.bench.compare import BUSY, Row, Schedule, bench
from lama_deploy.bench.page import bench_page
from lama_deploy.bench.record import bench_record, bench_table
from lama_deploy.cli.common import (
    add_overwrite_option,
    add_running_options,
    command,
    command_parser,
    fail,
    positive,
    progress_bar,
)
from lama_deploy.cli.exit_codes import BAD_INPUT, SOME_FAILED
from lama_deploy.cli.verbosity import note
from lama_deploy.disk import require_writable, write_whole
from lama_deploy.errors import CheckpointError, LamaDeployError, one_line
from lama_deploy.installing import install
from lama_deploy.overwriting import require_free
from lama_deploy.proof.subjects import Size
from lama_deploy.reports.machine import machine, nvidia_gpus
from lama_deploy.runtime.opening import OF_CHECKPOINTS

ROUNDS, SECONDS = 100, 5
PACKAGES = (
    "numpy",
    "onnxruntime",
    "onnxruntime-gpu",
    "openvino",
    "ai-edge-litert",
    "MNN",
    "ncnn",
    "tensorrt",
    "tensorrt_rtx_cu13",
    "torch",
)


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-bench",
        "Time models side by side, in rounds in which each runs once; what computes something else gets no time.",
        codes={BAD_INPUT: "nothing could be measured", SOME_FAILED: "a model could not be measured or was wrong"},
    )
    p.add_argument("models", metavar="BUNDLE|CHECKPOINT|NAME", nargs="+", help="Bundles, checkpoints or names.")
    p.add_argument(
        "--against",
        choices=["eager", "none"],
        default="eager",
        help="Compare with this baseline: eager is float32 PyTorch on the first model's checkpoint (default; a model "
        "that is eager PyTorch serves as it), none is the first model.",
    )
    p.add_argument(
        "--sizes",
        metavar="SIZE,...",
        help=f"Run at these sizes, HxW or HxWxBATCH (default: {','.join(map(str, DEFAULT_SIZES))}; for engines their "
        "profiles' opt, min and max and sizes between them; for files of one size that).",
    )
    p.add_argument(
        "--rounds", type=positive, default=ROUNDS, metavar="N", help=f"Measure at most N rounds (default: {ROUNDS})."
    )
    p.add_argument(
        "--seconds",
        type=positive,
        default=SECONDS,
        metavar="S",
        help=f"Measure each model at each size for S seconds (default: {SECONDS}).",
    )
    p.add_argument("--json", metavar="FILE", help="Write the record, with the time of every round, to FILE.")
    p.add_argument("--html", metavar="FILE", help="Write the record as a page to FILE.")
    add_overwrite_option(p)
    add_running_options(p, OF_CHECKPOINTS, f"Run checkpoints with this backend (default: {OF_CHECKPOINTS[0]}).")
    return p


@command("torch")
def main() -> int:
    args = parser().parse_args()
    written = [file for file in (args.json, args.html) if file]
    require_free(written, overwrite=args.overwrite)
    for file in written:
        require_writable(file)
    asked = [Size.parse(text) for text in dict.fromkeys(args.sizes.split(","))] if args.sizes else None
    before = {**machine(PACKAGES), "gpus": nvidia_gpus()}
    opened, unopened = _open(args)
    if not opened:
        return BAD_INPUT
    candidates, left_out = _with_baseline(opened, args)
    plan = Schedule(args.rounds, args.seconds)
    rows = bench(candidates, asked or default_sizes(opened), plan, progress_bar("bench"))
    record = bench_record(candidates, rows, plan, left_out=unopened + left_out, threads=args.threads, machine=before)
    print(bench_table(record))
    if not any(row.seconds for row in rows):
        raise LamaDeployError("nothing could be measured, for the reasons in the table")
    for line in [f"{one.name}: {one.note}" for one in candidates if one.note] + _busy(rows):
        note(line)
    for file, text in ((args.json, json.dumps(record, indent=1) + "\n"), (args.html, bench_page(record))):
        if file:
            write_whole(file, text)
            print(one_line(f"wrote {file}"))
    return SOME_FAILED if unopened or any(row.failure for row in rows) else 0


def _open(args: argparse.Namespace) -> tuple[list[Candidate], list[str]]:
    """What could be opened, and a line for each of the others, which is printed too."""
    opened, unopened = [], []
    options = {name: getattr(args, name) for name in ("device", "threads", "backend", "precision")}
    for name in dict.fromkeys(args.models):
        try:
            opened.append(open_candidate(name, **options))
        except (LamaDeployError, ModuleNotFoundError) as error:
            reason = _reason(error)
            unopened.append(reason if name in reason else f"{name}: {reason}")
            fail(LamaDeployError(unopened[-1]))
    return opened, unopened


def _with_baseline(opened: list[Candidate], args: argparse.Namespace) -> tuple[list[Candidate], list[str]]:
    """The baseline first; or what was opened, and a line that says why there is no eager PyTorch before it."""
    if args.against == "none":
        return opened, []
    baseline = next((candidate for candidate in opened if candidate.is_eager), None)
    try:
        baseline = baseline or open_eager(opened[0], device=args.device, threads=args.threads)
    except (LamaDeployError, ModuleNotFoundError) as error:
        hint = "; give its checkpoint as one more argument" if isinstance(error, CheckpointError) else ""
        line = f"{EAGER} is left out: {_reason(error)}{hint}"
        note(line)
        return opened, [line]
    return [baseline, *(candidate for candidate in opened if candidate is not baseline)], []


def _busy(rows: Sequence[Row]) -> list[str]:
    """A line where other programs had too much of the processors: runtimes do not suffer alike from that."""
    worst = max(rows, key=lambda row: row.others or 0.0)
    if (worst.others or 0.0) <= BUSY:
        return []
    return [f"other programs took {worst.others:.0%} of the processors at {worst.size}; measure on an idle machine"]


def _reason(error: Exception) -> str:
    if isinstance(error, ModuleNotFoundError):
        return f"{error.name} is not installed: {install('torch')}"
    return str(error)


if __name__ == "__main__":
    sys.exit(main())
