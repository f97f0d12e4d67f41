"""All that waits for a GPU: `python -m benchmarks.gpu.run [STAGE...] [--out FOLDER]` on a machine with one.

Stages: build, tests, sanitizer, spectral, generator; all of them without a name. Each has a time limit; the outcome of
every stage is in FOLDER/stages.json, its output in FOLDER/STAGE.log, and records are in FOLDER/results. Stages of
several calls into one folder add up. Needs no installation of this package, no network and, after the build, nothing
but PyTorch, pytest and hypothesis.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.gpu.process import last_line, run_limited

ROOT = Path(__file__).parents[2]
PYTHONPATH = os.pathsep.join((str(ROOT), str(ROOT / "export")))
SANITIZER_TEST = "tests/lama_deploy/native/test_sanitizer.py"
TESTS = tuple(f"tests/lama_deploy/{name}" for name in ("native", "test_spectral.py", "runtime", "model"))
# A stage of its own; no OpenVINO needed here.
IGNORED = (SANITIZER_TEST, "tests/lama_deploy/runtime/backends/test_openvino.py")
LIBRARY = "LAMA_SPECTRAL_LIBRARY"


@dataclass(frozen=True)
class Stage:
    """arguments: of Python. limit: seconds; build and both test stages, or build and a benchmark, fit ten minutes."""

    arguments: tuple[str, ...]
    limit: float


def stages(out: Path) -> dict[str, Stage]:
    """Benchmarks end by themselves before their limit."""
    pytest = ("-m", "pytest", "-m", "gpu", "-p", "no:cacheprovider")
    ignored = (f"--ignore={path}" for path in IGNORED)
    results = ("--out", str(out / "results"))
    return {
        "build": Stage(("-m", "lama_deploy.cli.build_kernels"), 150),
        "tests": Stage((*pytest, *TESTS, *ignored, f"--junit-xml={out / 'tests.xml'}"), 260),
        "sanitizer": Stage((*pytest, SANITIZER_TEST, f"--junit-xml={out / 'sanitizer.xml'}"), 180),
        "spectral": Stage(("-m", "benchmarks.gpu.spectral.run", *results, "--seconds", "400"), 440),
        "generator": Stage(("-m", "benchmarks.gpu.generator.run", *results, "--seconds", "410"), 440),
    }


def main() -> int:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("stages", nargs="*", metavar="STAGE", help="of build, tests, sanitizer, spectral, generator")
    p.add_argument("--out", type=Path, default=Path(os.environ.get("OUT", "gpu-results")), help="default: $OUT")
    args = p.parse_args()
    out = args.out.resolve()
    known = stages(out)
    if unknown := set(args.stages) - set(known):
        p.error(f"no stage {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    out.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, "PYTHONPATH": PYTHONPATH}
    passed = all(_run_in_turn(args.stages or list(known), known, out, environment))
    _show(out)
    return 0 if passed else 1


def _run_in_turn(names: list[str], known: dict[str, Stage], out: Path, environment: dict[str, str]) -> list[bool]:
    """Whether each stage passed. The library comes first, unless $LAMA_SPECTRAL_LIBRARY names one; nothing without."""
    if LIBRARY not in environment:
        if run_stage("build", known["build"], out, environment)["failed"] is not None:
            return [False]
        environment[LIBRARY] = last_line(out / "build.log")  # nothing is compiled later on
    others = (name for name in names if name != "build")
    return [run_stage(name, known[name], out, environment)["failed"] is None for name in others]


def run_stage(name: str, stage: Stage, out: Path, environment: dict[str, str]) -> dict[str, Any]:
    """Runs it and adds its outcome to stages.json: "failed", None or one line, and "seconds"."""
    start = time.monotonic()
    failed = run_limited(
        [sys.executable, *stage.arguments], stage.limit, out / f"{name}.log", folder=ROOT, environment=environment
    )
    outcome = {"failed": failed, "seconds": round(time.monotonic() - start, 1), "commit": _commit()}
    file = out / "stages.json"
    so_far = json.loads(file.read_text()) if file.exists() else {}
    file.write_text(json.dumps(so_far | {name: outcome}, indent=1) + "\n")
    print(f"{name}: {failed or 'done'}, {outcome['seconds']} s", flush=True)
    return outcome


def _commit() -> str | None:
    """None outside of a repository: the tree may have been copied without it."""
    command = ["git", "-C", str(ROOT), "describe", "--always", "--dirty"]
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return None


def _show(out: Path) -> None:
    """The end of each log: a benchmark's tables, the tests' summary."""
    for log in sorted(out.glob("*.log")):
        print(f"\n== {log.name}\n" + "\n".join(log.read_text(errors="replace").splitlines()[-45:]))


if __name__ == "__main__":
    sys.exit(main())
