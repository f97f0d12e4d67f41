"""Pack a corpus into one file that travels: `python examples/demo_model/pack.py CORPUS PACK`; packed.py is its format.

Pictures are made smaller, so that a few hundred megabytes become a few tens; the same corpus gives the same bytes.
"""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from corpus_errors import CorpusError
from lama_deploy.cli.common import command, positive, progress_bar
from lama_deploy.errors import LamaDeployError
from packed import HELD_OUT, NETWORKS, TRAIN, Sides, not_allowed, write_pack
from pictures import NO_LIMITS, read_picture
from records import FILE_NAME as LICENCES
from records import Record, read_records

if TYPE_CHECKING:
    from torch import Tensor

LIMIT = 60_000_000  # bytes
HELD_OUT_QUALITY = 95
NAMES = ("efficientnet-lite0", "st-lpips-alex")  # what lama-demo's loss and the lease's score look through


def parser() -> argparse.ArgumentParser:
    p = argparse.ArgumentParser(description=__doc__)
    p.add_argument("corpus", type=Path, metavar="CORPUS", help="what build_corpus.py made")
    p.add_argument("pack", type=Path, metavar="PACK", help="the file to write")
    p.add_argument("--side", type=positive, default=256, help="cut training pictures' short side to it (default: 256)")
    p.add_argument(
        "--held-out-side", type=positive, default=256, help="short side of held-out photographs (default: 256)"
    )
    p.add_argument("--quality", type=int, choices=range(50, 101), default=90, metavar="50-100", help="JPEG (90)")
    p.add_argument("--no-networks", action="store_true", help=f"leave {' and '.join(NAMES)} out: the machine has them")
    return p


@command("dev")
def main() -> int:
    args = parser().parse_args()
    sides = Sides(train_side=args.side, held_out_side=args.held_out_side)
    try:
        size = pack(args.corpus, args.pack, sides, args.quality, () if args.no_networks else NAMES)
    except OSError as error:
        raise CorpusError(f"{error.filename or args.pack}: {error.strerror or error}") from error
    print(f"wrote {args.pack}: {size:,} bytes")
    return 0


def pack(corpus: Path, target: Path, sides: Sides, quality: int, networks: Iterable[str]) -> int:
    """Returns the packed file's size in bytes. Raises CorpusError, also for a pack over LIMIT, which is not written."""
    files = dict(_pictures(corpus, read_records(corpus), sides, quality))
    files[LICENCES] = (corpus / LICENCES).read_bytes()
    files |= {f"{NETWORKS}/{name}.pth": content for name, content in _networks(networks)}
    _check(corpus, files)
    size = sum(len(content) for content in files.values())
    if size > LIMIT:
        raise CorpusError(
            f"{target}: would have {size:,} bytes, at most {LIMIT:,} travel; lower --side ({sides.train_side}) or "
            f"--quality ({quality})"
        )
    return write_pack(target, sides, files)


def _check(corpus: Path, files: Mapping[str, bytes]) -> None:
    for part in (TRAIN, HELD_OUT):
        if not any(name.startswith(f"{part}/") for name in files):
            raise CorpusError(f"{corpus}: no pictures of {part}/ in its {LICENCES}; build it with build_corpus.py")
    if wrong := not_allowed(files):
        raise CorpusError(f"{corpus}: {wrong[0]!r} cannot be packed; names of letters, digits, '.', '_', '+', '-' can")


def _pictures(corpus: Path, records: Iterable[Record], sides: Sides, quality: int) -> Iterator[tuple[str, bytes]]:
    for record in progress_bar("pictures")(list(records)):
        image = read_picture((corpus / record.path).read_bytes(), NO_LIMITS, str(corpus / record.path))
        if image is None:
            raise CorpusError(f"{corpus / record.path}: is transparent; build the corpus with build_corpus.py")
        held_out = record.path.startswith(f"{HELD_OUT}/")
        side = sides.held_out_side if held_out else sides.train_side
        yield record.path, _jpeg(_shrunk(image, side, held_out), HELD_OUT_QUALITY if held_out else quality)


def _shrunk(image: Image.Image, side: int, exactly: bool) -> Image.Image:
    """The short side at most `side`; exactly, and resized as a test set would do it, for what is measured on."""
    from lama_deploy.evaluation.test_set import scaled_size

    if min(image.size) <= side and not exactly:
        return image
    return image.resize(
        scaled_size(image.size, side), Image.Resampling.BICUBIC if exactly else Image.Resampling.LANCZOS
    )


def _jpeg(image: Image.Image, quality: int) -> bytes:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=quality, subsampling=0)
    return stream.getvalue()


def _networks(names: Iterable[str]) -> Iterator[tuple[str, bytes]]:
    """In half precision, without what no metric or loss reads. Raises CorpusError where one cannot be had."""
    import torch

    from lama_deploy.backbones.frozen import load_state
    from lama_deploy.backbones.locate import find_backbone

    for name in names:
        try:
            state = load_state(find_backbone(name))
        except LamaDeployError as error:
            raise CorpusError(f"{error}; or leave networks out with --no-networks") from error
        stream = io.BytesIO()
        torch.save({key: _halved(tensor) for key, tensor in state.items()}, stream)
        yield name, stream.getvalue()


def _halved(tensor: Tensor) -> Tensor:
    """In half precision where that has the range for it."""
    half = tensor.half() if tensor.is_floating_point() else tensor
    return half if half.isfinite().all() else tensor


if __name__ == "__main__":
    sys.exit(main())
