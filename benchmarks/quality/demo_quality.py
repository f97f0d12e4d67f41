"""The demonstration model, OpenCV and a regular twin: `python -m benchmarks.quality.demo_quality CORPUS [MODEL...]`.

CORPUS is what examples/demo_model/build_corpus.py made; its test photographs were never trained on. MODEL: further
models under NAME=PATH, such as regular-twin=runs/twin/generator.safetensors.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from tqdm import tqdm

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.evaluation.candidates import Candidate, InpainterOptions, open_candidate
from lama_deploy.evaluation.catalogue import load_metrics
from lama_deploy.evaluation.drawn_set import MadeSet, drawing_size
from lama_deploy.evaluation.protocol import TOTAL, Block, evaluate
from lama_deploy.images.masks import mask_set
from lama_deploy.reports.machine import machine

MASKS = "thick-256"
METRICS = ("SSIM", "L1-hole", "ST-LPIPS-vgg", "KID-EffLite0")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("models", nargs="*", metavar="NAME=PATH")
    parser.add_argument("--per-image", type=int, default=1, help="holes for each photograph (default: 1)")
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    options = InpainterOptions(device="cpu", threads=args.threads)
    names = {name: name for name in ("lama-demo", "opencv-telea", "opencv-ns")}
    names |= dict(model.split("=", 1) for model in args.models)
    candidates = [replace(open_candidate(path, options), name=name) for name, path in names.items()]
    test_set = MadeSet(args.corpus / "test", mask_set(MASKS), drawing_size(MASKS), per_image=args.per_image)
    blocks, record = evaluate(candidates, test_set, None, load_metrics(METRICS, "cpu", {}), progress=tqdm, report=print)
    _write(candidates, blocks, record.pairs, record.sha256, len(test_set.sources), args.per_image)


def _write(
    candidates: list[Candidate], blocks: list[Block], pairs: int, sha256: str, photographs: int, per_image: int
) -> None:
    today = datetime.now(UTC).date().isoformat()
    content = {
        "what": f"lama-demo on held-out photographs, wide masks ({MASKS}), {pairs} pairs of {photographs} photographs",
        "date": today,
        "method": f"up to {per_image} holes a photograph by the paper's rule, seed 0; composites against originals; "
        "means. ST-LPIPS and KID-EffLite0 stand in for LPIPS and FID and compare only among themselves",
        "machine": machine(PACKAGES),
        "test_set_sha256": sha256,
        "models": {candidate.name: candidate.facts for candidate in candidates},
        "quality": {block.model: _means(block) for block in blocks},
    }
    RESULTS.mkdir(exist_ok=True)
    (RESULTS / f"{today}-demo-quality.json").write_text(json.dumps(content, indent=1) + "\n")
    print(json.dumps(content["quality"], indent=1))


def _means(block: Block) -> dict[str, Any]:
    (total,) = (row for row in block.rows if row.area == TOTAL)
    return {name: round(value.mean, 4) for name, value in total.values.items()}


if __name__ == "__main__":
    main()
