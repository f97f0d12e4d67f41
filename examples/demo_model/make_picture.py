"""The README's picture: the demonstration model on held-out photographs, the good, the middling and the bad.

    python examples/demo_model/make_picture.py CORPUS [--model lama-demo]

The rows are chosen by a rule, not by eye: of the test photographs that are public domain or CC0, each with a wide hole
drawn by the paper's rule, those at the 10th, 50th and 90th per cent of the perceptual distance ST-LPIPS between
result and truth. Writes docs/demo.jpg and docs/demo.md, which names the photographs' authors.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from lama_deploy.cli.common import command
from lama_deploy.evaluation.candidates import Candidate, InpainterOptions, open_candidate
from lama_deploy.evaluation.catalogue import PairMetric, load_metrics
from lama_deploy.evaluation.drawn_set import MadeSet
from lama_deploy.evaluation.networks import to_tensor
from lama_deploy.evaluation.test_set import Pair
from lama_deploy.images.masks import mask_set
from records import Record, read_records

SIZE = 256
FREE = ("public-domain", "CC0-1.0")
SHARES = (0.1, 0.5, 0.9)
DOCS = Path(__file__).parent.parent.parent / "docs"


@command("evaluate")
def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, metavar="CORPUS", help="what build_corpus.py made")
    parser.add_argument("--model", default="lama-demo")
    args = parser.parse_args()
    model, telea = (open_candidate(name, InpainterOptions(device="cpu")) for name in (args.model, "opencv-telea"))
    ranked = rank(args.corpus, free_photographs(args.corpus), model)
    chosen = [ranked[round(share * (len(ranked) - 1))] for share in SHARES]
    strips = [strip(pair, model, telea) for _, pair, _ in chosen]
    Image.fromarray(np.concatenate(strips)).save(DOCS / "demo.jpg", quality=92, subsampling=0)
    (DOCS / "demo.md").write_text(
        credits(args.model, [(distance, record) for distance, _, record in chosen], len(ranked))
    )
    return 0


def free_photographs(corpus: Path) -> list[Record]:
    """The test photographs that may be shown without conditions."""
    return [r for r in read_records(corpus) if r.path.startswith("test/") and r.licence in FREE]


def rank(corpus: Path, records: list[Record], model: Candidate) -> list[tuple[float, Pair, Record]]:
    """(distance, pair, row), best first; photographs whose masks are all too large are left out."""
    (metric,) = load_metrics(["ST-LPIPS-vgg"], "cpu", {})
    assert isinstance(metric, PairMetric)
    test_set = MadeSet(corpus / "test", mask_set("thick-256"), SIZE)
    found = []
    for record in records:
        for pair in test_set.pairs(corpus / record.path, None):
            result = model.inpaint(pair.rgb, pair.hole)
            hole = torch.tensor(pair.hole > 0)[None, None]
            found.append((metric.score(to_tensor(pair.rgb, "cpu"), to_tensor(result, "cpu"), hole), pair, record))
    return sorted(found, key=lambda item: item[0])


def strip(pair: Pair, model: Candidate, telea: Candidate) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """Side by side: with its hole in white, ours, OpenCV's Telea, the truth."""
    holed = np.where(pair.hole[..., None] > 0, np.uint8(255), pair.rgb)
    return np.concatenate((holed, model.inpaint(pair.rgb, pair.hole), telea.inpaint(pair.rgb, pair.hole), pair.rgb), 1)


def credits(model: str, chosen: list[tuple[float, Record]], count: int) -> str:
    lines = [
        "# The README's picture",
        "",
        f"Left to right: the photograph with its hole, {model}, OpenCV's Telea, the photograph. Top to bottom: the "
        f"10th, 50th and 90th per cent of {count} held-out photographs by ST-LPIPS (0 = equal), chosen by "
        "`examples/demo_model/make_picture.py`.",
        "",
        "| row | ST-LPIPS | author | licence | source |",
        "|---|---|---|---|---|",
    ]
    for number, (distance, record) in enumerate(chosen, 1):
        lines.append(f"| {number} | {distance:.3f} | {record.author} | {record.licence} | {record.source} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
