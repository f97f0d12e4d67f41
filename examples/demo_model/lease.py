"""Train lama-demo in the few minutes that a GPU is lent for: `python examples/demo_model/lease.py PACK --out OUT`.

PACK is pack.py's file. One minute of training from the shipped weights and one from new ones; the better goes on until
the time is over. What comes back is in OUT, each file under 16 MB, whole at any moment:

  generator.safetensors  the best weights until now, by the score on held-out photographs; ship.py takes OUT
  scores.jsonl           a line for each score: SSIM, L1 in the hole, ST-LPIPS, of OpenCV's methods first
  state/                 what --resume goes on from, every 30 seconds; state/weights.safetensors are its weights

With --rehearse everything runs on the CPU in seconds, with small networks; without PACK on drawn pictures.
"""

from __future__ import annotations

import time

STARTED = time.monotonic()  # before the imports, which take seconds

import argparse  # noqa: E402
import os  # noqa: E402
import sys  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import TemporaryDirectory  # noqa: E402

sys.path.insert(1, str(Path(__file__).resolve().parents[2]))  # on a machine that is lent nothing is installed

from lama_deploy.cli.common import command, positive  # noqa: E402
from lama_deploy.errors import ConfigError, MissingDependencyError, TrainingError  # noqa: E402


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("pack", type=Path, nargs="?", metavar="PACK", help="the packed corpus")
    default = Path(os.environ.get("OUT", "demo-lease"))
    p.add_argument("--out", type=Path, default=default, metavar="DIR", help="what comes back ($OUT or ./demo-lease)")
    p.add_argument("--resume", type=Path, metavar="DIR", help="go on from what came back of an earlier lease")
    p.add_argument("--seconds", type=positive, help="end within so many from the start of this program (285)")
    p.add_argument("--crop", type=positive, help="side of the pictures trained on (128); masks are scaled with it")
    p.add_argument("--batch", type=positive, help="pictures a step (64); halved where memory is not enough")
    p.add_argument("--workers", type=positive, help="processes that read pictures (cores - 2)")
    p.add_argument(
        "--set", action="append", default=[], metavar="FIELD=VALUE", help="another setting, as lama-train's --set"
    )
    p.add_argument("--rehearse", action="store_true", help="on the CPU, tiny, within seconds")
    return p


@command("train")
def main() -> int:
    p = parser()
    args = p.parse_args()
    if args.pack is None and not args.rehearse:
        p.error("give PACK, the file that pack.py wrote, or --rehearse")
    _refuse_other_run(args.out, args.resume)
    import torch

    if not args.rehearse and not torch.cuda.is_available():
        raise MissingDependencyError("this PyTorch sees no CUDA device; --rehearse tries everything on the CPU")
    from lease_run import run_lease

    try:
        args.out.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix="lease.", ignore_cleanup_errors=True) as scratch:
            return run_lease(args, STARTED, Path(scratch))
    except OSError as error:
        raise TrainingError(f"{error.filename or args.out}: {error.strerror or error}") from error


def _refuse_other_run(out: Path, resume: Path | None) -> None:
    names = ("generator.safetensors", "scores.jsonl", "state", "state.new", "state.old")
    goes_on = resume is not None and resume.resolve() == out.resolve()
    if not goes_on and any((out / name).exists() for name in names):
        raise ConfigError(f"{out}: holds a run already; go on with --resume {out}, or use another --out")


if __name__ == "__main__":
    sys.exit(main())
