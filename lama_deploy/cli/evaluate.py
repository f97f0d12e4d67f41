"""lama-evaluate: measure inpainters as the paper does."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from lama_deploy.checkpoints.weights import DEMO, DEMO_NOTE
from lama_deploy.cli.common import PRECISIONS, command, positive, progress_bar
from lama_deploy.errors import LamaDeployError, MissingDependencyError
from lama_deploy.images.masks import MASK_SETS, mask_set
from lama_deploy.runtime.inpainter import OF_CHECKPOINTS

if TYPE_CHECKING:
    from lama_deploy.evaluation.candidates import Candidate
    from lama_deploy.evaluation.catalogue import Metric
    from lama_deploy.evaluation.protocol import Block, SetRecord
    from lama_deploy.evaluation.test_set import PairSet

MODELS = """MODEL is a bundle, .onnx, checkpoint or name as for lama-inpaint; onnx:PATH or torchscript:PATH for another
method's network (image and mask as floats in [0, 1], 1 = hole; any size or a fixed one; output in [0, 1] or 0..255);
opencv-telea or opencv-ns."""
OUTPUT = "for metrics.tsv and metrics.json (default: evaluation)"


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(
        prog="lama-evaluate",
        description="Composites against originals: similarity and distribution metrics, in total and by the hole's "
        "area. " + MODELS,
        epilog="Exit code 2: nothing could be measured. LPIPS and FID are the reference ones or absent; networks that "
        "come inside packages give ST-LPIPS-vgg, Frechet-EffLite0 and KID-EffLite0, comparable only among themselves.",
    )
    p.add_argument("models", metavar="MODEL", nargs="*", help="one or more; none with --write alone")
    p.add_argument(
        "--data",
        metavar="DIR",
        type=Path,
        required=True,
        help="pairs NAME.png with NAME_mask*.png; or, with --masks, photographs",
    )
    p.add_argument("-o", "--output", metavar="DIR", type=Path, default=Path("evaluation"), help=OUTPUT)
    _add_test_set(p)
    _add_metrics(p)
    _add_models(p)
    return p


def _add_test_set(p: argparse.ArgumentParser) -> None:
    made = p.add_argument_group("a test set made of photographs, as official gen_mask_dataset.py makes it")
    made.add_argument("--masks", metavar="SET", help=f"draw holes of this set: {', '.join(MASK_SETS)}")
    made.add_argument("--size", type=positive, metavar="N", help="side of the squares (default: the set's)")
    made.add_argument("--seed", type=_seed, metavar="N", help="of the draws (default: 0)")
    made.add_argument("--per-image", type=positive, metavar="N", help="pairs of a photograph, at most 5 (default: 1)")
    both = p.add_argument_group("any test set")
    both.add_argument(
        "--sizes",
        type=_sizes,
        default=[None],
        metavar="N,N,...",
        help="smaller side of the pictures, one block of results for each: the same holes, scaled (default: one, the "
        "set's own)",
    )
    both.add_argument(
        "--write", metavar="DIR", type=Path, help="write the pairs as PNG, one folder for each of --sizes"
    )


def _add_metrics(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("metrics")
    group.add_argument(
        "--metrics",
        metavar="NAME,...",
        help="of SSIM, PSNR, L1, L1-hole, LPIPS, ST-LPIPS-vgg, ST-LPIPS-alex, FID, Frechet-EffLite0, KID-EffLite0 "
        "(default: those whose networks are on this machine)",
    )
    group.add_argument(
        "--backbone",
        metavar="NAME=FILE",
        action="append",
        default=[],
        help="weights that are not in the cache: vgg16, inception-fid, st-lpips-vgg, st-lpips-alex, efficientnet-lite0",
    )


def _add_models(p: argparse.ArgumentParser) -> None:
    group = p.add_argument_group("models")
    group.add_argument("--device", choices=["cpu", "cuda"], help="default: cuda where there is one")
    group.add_argument("--threads", type=positive, metavar="N", help="CPU threads")
    group.add_argument("--backend", choices=OF_CHECKPOINTS, help=f"of checkpoints (default: {OF_CHECKPOINTS[0]})")
    group.add_argument("--precision", choices=PRECISIONS, help="of --backend cuda (default: fp16; on the CPU fp32)")
    group.add_argument("--opencv-radius", type=positive, default=3, metavar="N", help="pixels (default: 3)")
    group.add_argument(
        "--output-range",
        choices=["unit", "byte"],
        help="of onnx: and torchscript: models, [0, 1] or 0..255 (default: by the output on a probe picture)",
    )
    group.add_argument(
        "--multiple", type=positive, default=8, metavar="N", help="pad pictures for these models to it (default: 8)"
    )


@command("evaluate")
def main() -> int:
    args = parser().parse_args()
    from lama_deploy.evaluation import report

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
    if args.write is not None:
        print(f"wrote {sum(record.pairs for record in sets)} pairs to {args.write}")
    if blocks:
        print(report.table(blocks))
        report.write(args.output, blocks, _facts(args, candidates, pair_set, sets, metrics))
        print(f"wrote {args.output / report.TSV} and {report.JSON}")
    return 0


def _pair_set(args: argparse.Namespace) -> PairSet:
    from lama_deploy.evaluation.drawn_set import MadeSet, drawing_size
    from lama_deploy.evaluation.test_set import PairFolder

    if args.write is not None and args.write.resolve().is_relative_to(args.data.resolve()):
        raise LamaDeployError(f"--write {args.write}: lies in --data, which it would change; give another folder")
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
            raise LamaDeployError(f"--backbone {text!r} is not NAME=FILE with a NAME of {', '.join(BACKBONES)}")
        paths[name] = find_backbone(name, file)
    device = _torch_device(args)
    if args.metrics is not None:
        return load_metrics(args.metrics.split(","), device, paths)
    metrics, absent = available_metrics(device, paths)
    for line in absent:
        _note(line)
    return metrics


def _candidates(args: argparse.Namespace) -> list[Candidate]:
    from lama_deploy.evaluation.candidates import InpainterOptions, open_candidate

    names = [field.name for field in fields(InpainterOptions)]
    options = InpainterOptions(**{name: getattr(args, name) for name in names})
    candidates = [open_candidate(name, options) for name in dict.fromkeys(args.models)]
    for note in [candidate.note for candidate in candidates] + [DEMO_NOTE if DEMO in args.models else None]:
        if note is not None:
            _note(note)
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
        report=_note,
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

    if args.device == "cuda" and not torch.cuda.is_available():
        raise MissingDependencyError("this PyTorch sees no CUDA device; use the CPU, or a CUDA build of torch")
    if args.threads is not None:
        torch.set_num_threads(args.threads)
    return str(args.device or ("cuda" if torch.cuda.is_available() else "cpu"))


def _seed(text: str) -> int:
    if not text.isdecimal():
        raise argparse.ArgumentTypeError(f"{text!r} is no integer of at least 0")
    return int(text)


def _sizes(text: str) -> list[int]:
    sizes = [positive(part) for part in text.split(",")]
    if len(set(sizes)) < len(sizes):
        raise argparse.ArgumentTypeError(f"{text!r} has a size twice")
    return sizes


def _note(line: str) -> None:
    print(f"note: {line}", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
