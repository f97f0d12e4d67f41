"""lama-evaluate: measure inpainters as the paper does."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.common import command, progress_bar
from lama_deploy.cli.evaluate_options import parser
from lama_deploy.cli.exit_codes import DONE, SOME_FAILED
from lama_deploy.cli.verbosity import note
from lama_deploy.errors import LamaDeployError, brief, one_line
from lama_deploy.images.masks import mask_set
from lama_deploy.overwriting import require_apart, require_free

if TYPE_CHECKING:
    from lama_deploy.evaluation.candidates import Candidate
    from lama_deploy.evaluation.catalogue import Metric
    from lama_deploy.evaluation.protocol import Block, SetRecord
    from lama_deploy.evaluation.test_set import PairSet


@command("evaluate")
def main() -> int:
    args = parser().parse_args()
    from lama_deploy.evaluation import report

    _require_places(args)
    pair_set = _pair_set(args)
    if args.models:
        report.require_folder(args.output)  # before hours of work, not after
    elif args.write is None:
        raise LamaDeployError("no MODEL given; give one, or --write DIR to write the test set")
    metrics = _metrics(args) if args.models else []
    candidates = _candidates(args)
    blocks, sets = [], []
    for size in args.sizes:
        found, record = _measure(args, candidates, pair_set, metrics, size)
        blocks += found
        sets.append(record)
    for line in pair_set.notes.lines():
        note(line)
    if args.write is not None:
        print(one_line(f"wrote {sum(record.pairs for record in sets)} pairs to {args.write}"))
    if blocks:
        print(report.table(blocks))
        report.write(args.output, blocks, _facts(args, candidates, pair_set, sets, metrics))
        print(one_line(f"wrote {args.output / report.TSV} and {report.JSON}"))
    return SOME_FAILED if any(record.unreadable for record in sets) else DONE


def _require_places(args: argparse.Namespace) -> None:
    """Raises LamaDeployError where results or pairs would replace something, or become photographs of --data."""
    from lama_deploy.evaluation import report

    if args.models:
        results = [args.output / name for name in (report.TSV, report.JSON)]
        require_free(results, overwrite=args.overwrite, otherwise="give another -o")
    if args.write is not None:
        require_apart(args.write, [args.data], "--write")
        require_free([args.write], overwrite=args.overwrite, otherwise="give an empty folder")


def _pair_set(args: argparse.Namespace) -> PairSet:
    from lama_deploy.evaluation.drawn_set import MadeSet, drawing_size
    from lama_deploy.evaluation.test_set import PairFolder

    if args.masks is not None:
        size = args.size or drawing_size(args.masks)
        return MadeSet(args.data, mask_set(args.masks), size, seed=args.seed or 0, per_image=args.per_image or 1)
    for option in ("size", "seed", "per_image"):
        if getattr(args, option) is not None:
            raise LamaDeployError(f"--{option.replace('_', '-')} is for test sets that are made: add --masks SET")
    return PairFolder(args.data)


def _metrics(args: argparse.Namespace) -> list[Metric]:
    from lama_deploy.backbones.locate import BACKBONES, find_backbone
    from lama_deploy.evaluation.catalogue import available_metrics, load_metrics

    paths = {}
    for text in args.backbone:
        name, _, file = text.partition("=")
        if name not in BACKBONES or not file:
            raise LamaDeployError(f"--backbone '{brief(text)}' is not NAME=FILE with a NAME of {', '.join(BACKBONES)}")
        paths[name] = find_backbone(name, file)
    device = _torch_device(args)
    if args.metrics is not None:
        return load_metrics(args.metrics.split(","), device, paths)
    metrics, absent = available_metrics(device, paths)
    for line in absent:
        note(line)
    return metrics


def _candidates(args: argparse.Namespace) -> list[Candidate]:
    from lama_deploy.evaluation.candidates import InpainterOptions, open_candidate

    names = [field.name for field in fields(InpainterOptions)]
    options = InpainterOptions(**{name: getattr(args, name) for name in names})
    candidates = [open_candidate(name, options) for name in dict.fromkeys(args.models)]
    for line in [candidate.note for candidate in candidates] + [DEMO_NOTE if DEMO in args.models else None]:
        if line is not None:
            note(line)
    return candidates


def _measure(
    args: argparse.Namespace,
    candidates: list[Candidate],
    pair_set: PairSet,
    metrics: list[Metric],
    size: int | None,
) -> tuple[list[Block], SetRecord]:
    from lama_deploy.evaluation.protocol import evaluate
    from lama_deploy.evaluation.test_set import write_pair

    folder = args.write if args.write is None or len(args.sizes) == 1 else args.write / str(size)
    return evaluate(
        candidates,
        pair_set,
        size,
        metrics,
        device=_torch_device(args),
        progress=progress_bar(f"evaluate {size or ''}".strip()),
        report=note,
        keep=(lambda pair: write_pair(pair, folder)) if folder is not None else (lambda pair: None),
    )


def _facts(
    args: argparse.Namespace,
    candidates: list[Candidate],
    pair_set: PairSet,
    sets: list[SetRecord],
    metrics: list[Metric],
) -> dict[str, Any]:
    from lama_deploy.evaluation.catalogue import MEANINGS

    data = pair_set.describe() | ({"masks": args.masks} if args.masks else {})
    return {
        "device": _torch_device(args),
        "data": data | {"sets": [asdict(record) for record in sets]},
        "metrics": {metric.name: MEANINGS[metric.name] for metric in metrics},
        "models": [{"name": candidate.name, **candidate.facts} for candidate in candidates],
    }


def _torch_device(args: argparse.Namespace) -> str:
    """Where the metrics' networks run."""
    import torch

    from lama_deploy.runtime.backends.torch_devices import torch_device

    if args.threads is not None:
        torch.set_num_threads(args.threads)
    return str(torch_device(args.device))


if __name__ == "__main__":
    sys.exit(main())
