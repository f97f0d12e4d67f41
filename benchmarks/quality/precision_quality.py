"""What a precision costs the pictures: `python -m benchmarks.quality.precision_quality CORPUS`.

lama-demo in every precision fills wide holes in held-out photographs (CORPUS: see examples/demo_model/build_corpus.py).
Results are compared with float32's, inside the holes, and with the originals. The pictures are chosen by a rule: of the
photographs that may be shown without conditions, those at the 90th, 50th and 10th per cent of int8's PSNR.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from tqdm import tqdm

from benchmarks.claims.pictures import FREE, licence_rows, source_of
from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy.arrays import Array
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.evaluation.candidates import Candidate, InpainterOptions, open_candidate
from lama_deploy.evaluation.catalogue import PairMetric, load_metrics
from lama_deploy.evaluation.drawn_set import MadeSet, drawing_size
from lama_deploy.evaluation.networks import to_tensor
from lama_deploy.evaluation.protocol import TOTAL, evaluate
from lama_deploy.evaluation.test_set import Pair
from lama_deploy.images.masks import mask_set
from lama_deploy.reports.machine import machine
from lama_export import ExportOptions, export_bundle
from lama_export.precision.sensitivity import psnr_in_holes

MASKS = "thick-256"
MODEL = "lama-demo"
BUNDLES = {
    "OpenVINO bf16": ("openvino", "bf16"),
    "OpenVINO fp16": ("openvino", "fp16"),
    "OpenVINO int8": ("openvino", "int8"),
    "ONNX Runtime int8": ("onnx", "int8"),
}
EXACT, SHOWN = "float32", "OpenVINO int8"
SHARES = (0.9, 0.5, 0.1)  # of int8's PSNR, best first
AMPLIFIED = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--folder", type=Path, default=Path("build/benchmarks/quality"), help="for the exported files")
    parser.add_argument("--every", type=int, default=1, metavar="N", help="take every Nth photograph (default: all)")
    args = parser.parse_args()
    models = _models(args.folder)
    perceptual, ssim = load_metrics(["ST-LPIPS-vgg", "SSIM"], "cpu", {})
    assert isinstance(perceptual, PairMetric) and isinstance(ssim, PairMetric)
    pairs: list[Pair] = []
    test_set = MadeSet(args.corpus / "test", mask_set(MASKS), drawing_size(MASKS))
    test_set.sources = test_set.sources[:: args.every]
    candidates = list(models.values())
    blocks, _ = evaluate(candidates, test_set, None, [perceptual, ssim], progress=tqdm, keep=pairs.append)
    original = {block.model: next(row for row in block.rows if row.area == TOTAL).values for block in blocks}
    results = {name: [model.inpaint(pair.rgb, pair.hole) for pair in pairs] for name, model in models.items()}
    rows = {
        name: _against(results[EXACT], results[name], pairs, (perceptual, ssim))
        | {f"{metric} of the original": value.mean for metric, value in original[name].items()}
        for name in models
    }
    today = datetime.now(UTC).date().isoformat()
    picture = RESULTS.parent / "precisions" / f"{today}-lama-demo.jpg"
    credits = _draw(picture, args.corpus, pairs, results)
    record = {
        "what": f"{MODEL} in every precision, wide holes ({MASKS}) in {len(pairs)} held-out photographs",
        "date": today,
        "method": "PSNR over the pixels of all holes, its least over pictures, ST-LPIPS and SSIM as means over "
        "pictures, against what float32 fills; then the distances to the originals. ST-LPIPS stands in for LPIPS",
        "machine": machine((*PACKAGES, "openvino", "nncf")),
        "precisions": rows,
        "picture": f"precisions/{picture.name}",
        "credits": credits,
    }
    file = RESULTS / f"{today}-precision-quality.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(rows, indent=1), f"\nwrote {file} and {picture}")


def _models(folder: Path) -> dict[str, Candidate]:
    models = {EXACT: open_candidate(MODEL, InpainterOptions(device="cpu", threads=2))}
    for name, (target, precision) in BUNDLES.items():
        out = folder / f"{target}-{precision}"
        if not out.exists():
            export_bundle(load_weights(MODEL), out, ExportOptions(target=target, precision=precision))  # type: ignore[arg-type]
        models[name] = open_candidate(str(out), InpainterOptions(device="cpu", threads=2))
    return {name: replace(model, name=name) for name, model in models.items()}


def _against(
    wanted: Sequence[Array], found: Sequence[Array], pairs: Sequence[Pair], metrics: Sequence[PairMetric]
) -> dict[str, float | None]:
    holes = [(pair.rgb, pair.hole) for pair in pairs]
    scores = {metric.name: [] for metric in metrics}
    for a, b, pair in zip(wanted, found, pairs, strict=True):
        hole = torch.tensor(pair.hole > 0)[None, None]
        for metric in metrics:
            scores[metric.name].append(metric.score(to_tensor(a, "cpu"), to_tensor(b, "cpu"), hole))
    psnr = psnr_in_holes(wanted, found, holes)
    least = min(_psnr(a, b, pair) for a, b, pair in zip(wanted, found, pairs, strict=True))
    means = {name: float(np.mean(values)) for name, values in scores.items()}
    return {"PSNR dB": _finite(psnr), "least PSNR dB": _finite(least), **means}


def _psnr(wanted: Array, found: Array, pair: Pair) -> float:
    return psnr_in_holes([wanted], [found], [(pair.rgb, pair.hole)])


def _finite(value: float) -> float | None:
    return value if np.isfinite(value) else None


def _draw(file: Path, corpus: Path, pairs: Sequence[Pair], results: Mapping[str, Sequence[Array]]) -> list[str]:
    """Write the picture; return the credits of its photographs."""
    licences = licence_rows(corpus)
    free = [i for i, pair in enumerate(pairs) if licences.get(source_of(pair), {"licence": FREE[0]})["licence"] in FREE]
    ranked = sorted(free, key=lambda i: _psnr(results[EXACT][i], results[SHOWN][i], pairs[i]))
    chosen = [ranked[round(share * (len(ranked) - 1))] for share in SHARES]
    strips = []
    for i in chosen:
        holed = np.where(pairs[i].hole[..., None] > 0, np.uint8(255), pairs[i].rgb)
        wanted, found = results[EXACT][i], results[SHOWN][i]
        amplified = np.clip(128.0 + AMPLIFIED * (found.astype(float) - wanted), 0, 255).astype(np.uint8)
        strips.append(np.concatenate([holed, wanted, results["OpenVINO bf16"][i], found, amplified], axis=1))
    file.parent.mkdir(exist_ok=True)
    Image.fromarray(np.concatenate(strips)).save(file, quality=90, subsampling=0)
    rows: list[dict[str, Any]] = [licences[source_of(pairs[i])] for i in chosen if source_of(pairs[i]) in licences]
    return [f"{Path(row['path']).stem}: {row['author']}, {row['licence']}, {row['source']}" for row in rows]


if __name__ == "__main__":
    main()
