"""lama-train: train a generator from the paper's configurations or your own, or fine-tune one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from lama_deploy.cli.assuming import add_assume_option, told
from lama_deploy.cli.common import add_overwrite_option, command, command_parser, few, positive
from lama_deploy.errors import ConfigError
from lama_deploy.overwriting import require_apart

if TYPE_CHECKING:
    from lama_deploy.training.config import TrainConfig


DEFAULT = "lama-fourier"


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-train",
        "Train LaMa. Writes OUT/models/last.ckpt (official layout, to go on from), "
        "OUT/generator.safetensors (for lama-export), samples, TensorBoard logs. Many GPUs: --devices N or torchrun.",
    )
    p.add_argument(
        "--config",
        metavar="NAME|FILE",
        help="Train this configuration of the paper, or of a YAML file (default: lama-fourier; see --list; "
        "with --resume the run's own).",
    )
    p.add_argument("--list", action="store_true", help="List the paper's configurations and end.")
    p.add_argument(
        "--data",
        type=Path,
        metavar="DIR",
        help="Train on this folder tree of images or .tar shards (with --resume: by default the run's own).",
    )
    p.add_argument(
        "--out",
        type=Path,
        default=Path("runs/lama"),
        metavar="DIR",
        help="Write checkpoints, samples and logs to this folder (default: runs/lama).",
    )
    add_overwrite_option(p, "a run, or files of its names,")
    p.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="Override a setting: --set data.crop=128 --set losses=paper --set generator.blocks=6.",
    )
    p.add_argument("--weights", metavar="PATH|NAME", help="Fine-tune this checkpoint instead of training from scratch.")
    add_assume_option(p)
    p.add_argument(
        "--resume",
        action="store_true",
        help="Go on from OUT/models/last.ckpt, as the run in OUT was begun; "
        "what --config, --set or --data change is said.",
    )
    p.add_argument(
        "--accelerator",
        default="auto",
        choices=["auto", "cpu", "cuda", "mps"],
        help="Train on this kind of device (default: auto, the best there is).",
    )
    p.add_argument(
        "--devices", type=few, default=1, metavar="N", help="Run N processes, one for each device (default: 1)."
    )
    p.add_argument("--stop-after", type=positive, metavar="N", help="Do N steps in this call; --resume does the rest.")
    p.add_argument(
        "--dry-run",
        action="store_true",
        help="Print the plan, parameter counts and memory, look at mask files, and end; it fails where the run would.",
    )
    return p


@command("train")
def main() -> int:
    args = parser().parse_args()
    from lama_deploy.training.presets import PRESETS

    if args.list:
        print("\n".join(PRESETS))
        return 0
    config, data = _what(args)
    require_apart(args.out, [data], "--out")  # the next call would train on samples of this one
    if args.dry_run:
        from lama_deploy.training.plan import plan

        found = plan(config, data)
        print("\n".join(found.lines(config, args.devices)))
        if found.missing:
            raise found.missing  # as the run would
        return 0
    from lama_deploy.cli.train_end import train_until_asked
    from lama_deploy.training.loop import Run

    run = Run(
        data=data,
        out=args.out,
        weights=args.weights,
        told=told(args),
        resume=args.resume,
        overwrite=args.overwrite,
        accelerator=args.accelerator,
        devices=args.devices,
        stop_after=args.stop_after,
    )
    train_until_asked(config, run)
    return 0


def _what(args: argparse.Namespace) -> tuple[TrainConfig, Path]:
    """The configuration and the data, of a run that goes on its own ones where no others are given."""
    from lama_deploy.training.config import override, read_config
    from lama_deploy.training.going_on import read_run
    from lama_deploy.training.presets import preset

    run = read_run(args.out) if args.resume else None
    name = args.config or DEFAULT
    data: Path | None = args.data or (run.data.folder if run and run.data else None)
    if data is None:
        raise ConfigError("--data is missing; give a folder tree of pictures or .tar shards")
    if run is not None and args.config is None:
        return override(run.config, args.set), data
    config = read_config(Path(name)) if Path(name).suffix in (".yaml", ".yml") else preset(name)
    return override(config, args.set), data


if __name__ == "__main__":
    sys.exit(main())
