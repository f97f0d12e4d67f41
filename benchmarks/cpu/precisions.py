"""LaMa on a CPU in every precision, side by side: `python -m benchmarks.cpu.precisions [--model big-lama]`.

As `runtimes.py`, whose eager float32 is the measure here too. Each precision has its rivals: TorchScript,
torch.compile (bf16 by autocast) and OpenVINO's own conversion of the PyTorch model (int8 by NNCF as it comes). For
those that trace, the Fourier units are written as in the official code, which is what they can take.
"""

from __future__ import annotations

import argparse
import json
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nncf
import openvino as ov
import torch

from benchmarks.composite import Composite
from benchmarks.cpu.runtimes import PACKAGES, RESULTS, Run, interleaved, on_tensors, summary, tensors_of
from lama_deploy.arrays import Array
from lama_deploy.bundle import load_bundle
from lama_deploy.checkpoints.checkpoint import Checkpoint, load_checkpoint, save_checkpoint
from lama_deploy.images.scenes import scene
from lama_deploy.model import ffc, seeded_generator
from lama_deploy.precision.calibration import CalibrationSet
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_deploy.runtime.backends.torch_eager import TorchBackend
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.strategies.whole import Whole
from lama_export import ExportOptions, export_bundle

BUNDLES = (("openvino", "fp32"), ("openvino", "bf16"), ("openvino", "int8"), ("onnx", "fp32"), ("onnx", "int8"))
ENGINES = {"openvino": "OpenVINO", "onnx": "ONNX Runtime"}


class OfficialFourierUnit(ffc.FourierUnit):
    """With `torch.fft` as in official `ffc.py`, which OpenVINO's converter knows, and in float32 under autocast."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        n, (h, w) = x.shape[0], x.shape[2:]
        z = torch.fft.rfftn(x.float(), dim=(-2, -1), norm="ortho")
        pairs = torch.stack((z.real, z.imag), dim=-1).permute(0, 1, 4, 2, 3).contiguous()
        mixed = torch.relu(self.bn(self.conv_layer(pairs.view(n, -1, *pairs.shape[3:]))))
        pairs = mixed.float().view(n, -1, 2, *mixed.shape[2:]).permute(0, 1, 3, 4, 2).contiguous()
        return torch.fft.irfftn(torch.complex(pairs[..., 0], pairs[..., 1]), s=(h, w), dim=(-2, -1), norm="ortho")


def rivals(checkpoint: Checkpoint, images: Array, masks: Array, threads: int) -> Iterator[tuple[str, Run]]:
    eager = TorchBackend(checkpoint, device="cpu", threads=threads)
    yield "eager PyTorch", eager.run
    composite = Composite(eager.generator).eval()
    example = tensors_of(images, masks)
    for precision in ("fp32", "bf16"):
        with warnings.catch_warnings(), _autocast(precision), _official_units(composite):
            warnings.simplefilter("ignore")
            script = torch.jit.trace(composite, example, check_trace=False)
        yield f"TorchScript {precision}", _under(precision, on_tensors(script))
        yield f"torch.compile {precision}", _under(precision, on_tensors(torch.compile(composite, dynamic=False)))
    yield from _converted(composite, example, threads)


def _converted(composite: Composite, example: tuple[torch.Tensor, ...], threads: int) -> Iterator[tuple[str, Run]]:
    with _official_units(composite):
        model = ov.convert_model(composite, example_input=example)
    pairs = list(CalibrationSet(extremes=False))
    pairs = [pair for pair in pairs if all(side % 8 == 0 for side in pair[1].shape)]
    feed = lambda pair: [tensor.numpy() for tensor in tensors_of(pair[0][None], pair[1][None])]  # noqa: E731
    quantised = nncf.quantize(model, nncf.Dataset(pairs, feed), subset_size=len(pairs))
    for name, converted, hint in (("fp32", model, "f32"), ("bf16", model, "bf16"), ("int8", quantised, "bf16")):
        properties = {"INFERENCE_PRECISION_HINT": hint, "INFERENCE_NUM_THREADS": threads, "PERFORMANCE_HINT": "LATENCY"}
        yield f"ov.convert_model {name}", _openvino(openvino_core().compile_model(converted, "CPU", properties))


@contextmanager
def _official_units(module: torch.nn.Module) -> Iterator[None]:
    units = [unit for unit in module.modules() if isinstance(unit, ffc.FourierUnit)]
    for unit in units:
        unit.__class__ = OfficialFourierUnit
    yield
    for unit in units:
        unit.__class__ = ffc.FourierUnit


def _openvino(compiled: ov.CompiledModel) -> Run:
    request = compiled.create_infer_request()

    def run(images: Array, masks: Array) -> Any:
        result = request.infer([tensor.numpy() for tensor in tensors_of(images, masks)])[0]
        return result.transpose(0, 2, 3, 1)

    return run


def _autocast(precision: str) -> torch.autocast:
    return torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16")


def _under(precision: str, run: Run) -> Run:
    def wrapped(images: Array, masks: Array) -> Any:
        with _autocast(precision):
            return run(images, masks)

    return wrapped


def ours(checkpoint: Checkpoint, folder: Path, threads: int, least_psnr: float) -> Iterator[tuple[str, Run, Any]]:
    """(name, function, what int8 left out) of each bundle, exported into `folder` unless it is there."""
    for target, precision in BUNDLES:
        out = folder / f"{target}-{precision}"
        if not out.exists() or load_bundle(out).weights["sha256"] != checkpoint.sha256:
            options = ExportOptions(target=target, precision=precision, least_psnr=least_psnr)  # type: ignore[arg-type]
            export_bundle(checkpoint, out, options)
        name = f"ours, {ENGINES[target]} {precision}"
        yield name, Whole(Inpainter.load(out, threads=threads).backend).run, load_bundle(out).quantisation


def seeded_checkpoint(model: str, folder: Path) -> Checkpoint:
    path = folder / f"{model}.safetensors"
    if not path.exists():
        generator = seeded_generator(model)
        save_checkpoint(path, generator.config, {key: value.numpy() for key, value in generator.state_dict().items()})
    return load_checkpoint(path)


def main() -> None:
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--model", default="big-lama")
    p.add_argument("--size", type=int, default=512)
    p.add_argument("--rounds", type=int, default=7)
    p.add_argument("--threads", type=int, default=2)
    p.add_argument("--least-psnr", type=float, default=28.5, help="of int8; seeded weights amplify rounding")
    p.add_argument("--folder", type=Path, default=Path("build/benchmarks"), help="for the exported files")
    args = p.parse_args()
    args.folder.mkdir(parents=True, exist_ok=True)
    checkpoint = seeded_checkpoint(args.model, args.folder)
    images, masks = scene(args.size, args.size)
    exported = list(ours(checkpoint, args.folder, args.threads, args.least_psnr))
    runs: dict[str, Callable[..., Any]] = dict(rivals(checkpoint, images, masks, args.threads))
    runs |= {name: run for name, run, _ in exported}
    seconds = interleaved(runs, images, masks, args.rounds)
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"{args.model}, {args.size}x{args.size}, batch 1, every precision, {args.threads} threads",
        "date": today,
        "method": f"{args.rounds} interleaved rounds after one untimed; times_eager: median of per-round ratios; "
        f"seeded weights, which amplify rounding: int8 chosen at {args.least_psnr:g} dB, where it leaves out one kind "
        "of convolution, as of lama-demo at 35 dB",
        "machine": machine((*PACKAGES, "openvino", "nncf")),
        "int8_left_out": {name: found["left_out"] for name, _, found in exported if found},
        "runtimes": summary(seconds),
        "seconds": {name: [round(value, 4) for value in values] for name, values in seconds.items()},
    }
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{today}-cpu-precisions-{args.model}-{args.size}.json"
    file.write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(record["runtimes"], indent=1), f"\nwrote {file}")


if __name__ == "__main__":
    main()
