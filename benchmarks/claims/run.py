"""The paper's claims, in small: `python -m benchmarks.claims.run CORPUS [--size cpu|gpu] [--seeds N] [--out DIR]`.

CORPUS is what `examples/demo_model/build_corpus.py` makes. Trains five generators of about equal parameter counts with
the same pictures and steps, measures them on held-out photographs and on drawn periodic pictures, judges each claim by
a fixed rule, and writes a record to `results/`, pictures to `claims/` and the page `claims.md`. A second call with the
same --out goes on where the first was stopped.
"""

from __future__ import annotations

import argparse
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import torch

from benchmarks.claims import page as claims_page
from benchmarks.claims.curves import draw_curves
from benchmarks.claims.measure import PERIODIC, SEED, WIDE, HeldSet, held_tests, measure, metrics_for
from benchmarks.claims.pictures import TELEA, draw_all
from benchmarks.claims.runs import CONTENDERS, SIZES, Size, Trained, shrunk_corpus, train_config, trained
from benchmarks.claims.verdict import RULE, claims, judge
from benchmarks.cpu.runtimes import PACKAGES
from lama_deploy.cli.common import command, positive, progress_bar
from lama_deploy.evaluation.candidates import Candidate, InpainterOptions, open_candidate
from lama_deploy.reports.machine import machine
from lama_deploy.training.config import config_to_dict

HERE = Path(__file__).parents[1]
DIGITS = 5  # of a score in the record
Models = dict[str, list[Candidate]]  # by name; one for each seed


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("corpus", type=Path)
    p.add_argument("--size", choices=SIZES, default="cpu", help="default: cpu; smoke writes everything into DIR")
    p.add_argument("--seeds", type=positive, default=1, metavar="N", help="trainings of each generator (default: 1)")
    p.add_argument("--out", type=Path, default=Path("build/claims"), metavar="DIR", help="default: build/claims")
    return p


@command("evaluate,train")
def main() -> int:
    args = parser().parse_args()
    size = SIZES[args.size]
    out = args.out / args.size
    pages = out if args.size == "smoke" else HERE
    device = "cuda" if torch.cuda.is_available() else "cpu"
    today = datetime.now(UTC).date().isoformat()
    metrics = metrics_for(device)  # before the hours of training: a missing network stops it here
    tests = held_tests(args.corpus / "test", size)
    data = shrunk_corpus(args.corpus, size.train_side, out)
    runs = [trained(c, size, seed, data, out, device) for c in CONTENDERS for seed in range(args.seeds)]
    models = _models(runs, device)
    measured = {
        name: _measured(name, test, {m: models[m] for m in _shown(name, models)}, metrics, device)
        for name, test in tests.items()
    }
    record = _record(args.size, args.seeds, today, device, runs, measured)
    prefix = pages / "claims" / f"{today}-{args.size}"
    first = {name: candidates[0] for name, candidates in models.items()}
    strips, credits = draw_all(size, tests, args.corpus, first, prefix)
    record["pictures"] = {"curves": draw_curves(record, prefix), "strips": strips, "credits": credits}
    file = _write(record, pages / "results" / f"{today}-claims-{args.size}.json")
    page = claims_page.write(pages)
    print("\n".join(f"{claim['verdict']:9}  {claim['text']}" for claim in record["claims"]))
    print(f"wrote {file} and {page}")
    return 0


def _models(runs: Sequence[Trained], device: str) -> Models:
    options = InpainterOptions(device=device)
    models: Models = {TELEA: [open_candidate(TELEA, options)]}
    for run in runs:
        candidate = replace(open_candidate(str(run.weights), options), name=f"{run.name}-seed{run.seed}")
        models.setdefault(run.name, []).append(candidate)
    return models


def _shown(test: str, models: Models) -> list[str]:
    """The narrow-trained generators answer for one claim only, at the training size."""
    everywhere = test != PERIODIC and not test.startswith(f"{WIDE} x")
    return [name for name in models if everywhere or not name.endswith("-narrow")]


def _measured(
    name: str, test: HeldSet, models: Mapping[str, Sequence[Candidate]], metrics: Sequence[Any], device: str
) -> dict[str, Any]:
    """The test and, by model and metric, a row of scores (or one number) for each seed."""
    scores: dict[str, dict[str, list[Any]]] = {}
    for model, candidates in progress_bar(f"measure {name}")(list(models.items())):
        for candidate in candidates:
            for metric, values in measure(candidate, test, metrics, device).items():
                scores.setdefault(model, {}).setdefault(metric, []).append(values)
    return {**test.describe(), "sha256": test.sha256, "pairs": [pair.name for pair in test.held], "scores": scores}


def _record(
    size: str, seeds: int, today: str, device: str, runs: Sequence[Trained], tests: dict[str, Any]
) -> dict[str, Any]:
    settings: Size = SIZES[size]
    configs = {c.name: config_to_dict(train_config(c, settings, 0)) for c in CONTENDERS}
    spread = f"{seeds} seeds" if seeds > 1 else "one seed: what another seed would change is not covered"
    used: dict[str, Any] = machine(PACKAGES)
    used["versions"]["opencv"] = cv2.__version__
    used["device"] = torch.cuda.get_device_name() if device == "cuda" else f"{torch.get_num_threads()} threads"
    return {
        "what": f"The paper's claims in small, size {size}",
        "date": today,
        "method": f"{settings.steps} steps of {settings.batch} crops of {settings.crop} px for each generator, "
        f"{spread}; test draws of seed {SEED}",
        "rule": RULE,
        "machine": used,
        "size": size,
        "settings": asdict(settings),
        "seeds": seeds,
        "runs": {
            name: {
                "parameters": next(run.parameters for run in runs if run.name == name),
                "seconds_per_step": [run.seconds_per_step for run in runs if run.name == name],
                "config": config,
            }
            for name, config in configs.items()
        },
        "claims": [judge(claim, tests) for claim in claims(settings.factors)],
        "tests": tests,
    }


def _write(record: dict[str, Any], file: Path) -> Path:
    """JSON whose lists of numbers stand on one line each."""
    text = json.dumps(_rounded(record), indent=1, allow_nan=False)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(re.sub(r"\[[^\[\]{}\"]*\]", lambda found: " ".join(found[0].split()), text) + "\n")
    return file


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return float(f"{value:.{DIGITS}g}")
    if isinstance(value, Mapping):
        return {key: _rounded(item) for key, item in value.items()}
    return [_rounded(item) for item in value] if isinstance(value, (list, tuple)) else value


if __name__ == "__main__":
    raise SystemExit(main())
