"""lama-train: train a generator from the paper's configurations or your own, or fine-tune one."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from lama_deploy.cli.common import add_overwrite_option, command, command_parser, few, positive
from lama_deploy.errors import ConfigError


def parser() -> argparse.ArgumentParser:
    p = command_parser(
        "lama-train",
        "Train LaMa. Writes OUT/models/last.ckpt (official layout, to go on from), "
        "OUT/generator.safetensors (for lama-export), samples, TensorBoard logs. Many GPUs: --devices N or torchrun.",
    )
    p.add_argument(
        "--config",
        default="lama-fourier",
        metavar="NAME|FILE",
        help="Train this configuration of the paper, or of a YAML file (default: lama-fourier; see --list).",
    )
    p.add_argument("--list", action="store_true", help="List the paper's configurations and end.")
    p.add_argument("--data", type=Path, metavar="DIR", help="Train on this folder tree of images or .tar shards.")
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
    p.add_argument("--resume", action="store_true", help="Go on from OUT/models/last.ckpt.")
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
    from lama_deploy.training.config import override, read_config
    from lama_deploy.training.presets import PRESETS, preset

    if args.list:
        print("\n".join(PRESETS))
        return 0
    if args.data is None:
        raise ConfigError("--data is missing; give a folder tree of pictures or .tar shards")
    file = Path(args.config)
    config = read_config(file) if file.suffix in (".yaml", ".yml") else preset(args.config)
    config = override(config, args.set)
    if args.dry_run:
        from lama_deploy.training.plan import plan

        found = plan(config, args.data)
        print("\n".join(found.lines(config, args.devices)))
        if found.missing:
            raise found.missing  # as the run would
        return 0
    from lama_deploy.cli.train_end import train_until_asked
    from lama_deploy.training.loop import Run

    run = Run(
        data=args.data,
        out=args.out,
        weights=args.weights,
        resume=args.resume,
        overwrite=args.overwrite,
        accelerator=args.accelerator,
        devices=args.devices,
        stop_after=args.stop_after,
    )
    train_until_asked(config, run)
    return 0


if __name__ == "__main__":
    sys.exit(main())
