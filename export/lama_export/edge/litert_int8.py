"""Quantisation of a LiteRT file: weights of 8 bits by output channel, and convolutions in integers where that is right.

With Fourier units, activations are brought into 8 bits while the file runs ("dynamic"), each picture by its own range:
nothing is measured beforehand, and of lama-demo it costs less (36.7 dB against 35.2) and runs about as fast.
Without them the ranges are measured on photographs and everything but the picture around the generator and its head is
of integers ("static"): what NPUs ask for that have no others.
"""

from __future__ import annotations

import contextlib
import io
import re
import warnings
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ai_edge_quantizer import qtyping, quantizer
from ai_edge_quantizer.algorithm_manager import AlgorithmName

from lama_deploy.arrays import Array
from lama_deploy.checkpoints.topology import layers
from lama_deploy.images.scenes import scene
from lama_deploy.proof.subjects import Size, fitted
from lama_deploy.runtime.backends.litert import LiteRtBackend
from lama_deploy.variants import GeneratorConfig
from lama_export.precision.sensitivity import RANKING_PICTURES, SPECTRAL, Choice, Pair, choose, kind_of, psnr_in_holes
from lama_export.progress import Progress

SIGNATURE = "serving_default"
EXACT = ("picture/", "result/", "head/", "image/", "mask/")  # what static quantisation leaves as it is
CONVOLUTIONS = (qtyping.TFLOperationName.CONV_2D, qtyping.TFLOperationName.CONV_2D_TRANSPOSE)
BITS = 8


def quantise(
    content: bytes,
    config: GeneratorConfig,
    size: Size,
    photographs: Iterable[Pair],
    least_psnr: float,
    progress: Progress = iter,
) -> tuple[bytes, Choice]:
    """content: in float32, for pictures of `size` in bytes. photographs: of any size. Raises ParityError (`choose`)."""
    pairs = [_fitted(image, size, number) for number, (image, _) in enumerate(photographs)]
    ranked = pairs[:RANKING_PICTURES]
    names = [layer.name for layer in layers(config) if SPECTRAL not in layer.name and not layer.name.startswith("head")]
    ranges: dict[str, Any] = {}
    if config.kind != "ffc":
        ranges = _measured(content, pairs, size)
    wanted = list(_results(content, ranked, size))

    def written(left_out: Collection[str]) -> bytes:
        kept = [name for name in names if kind_of(name) in left_out]
        if config.kind == "ffc":
            return _dynamic(content, [name for name in names if name not in kept])
        return _static(content, kept, ranges)

    def psnr(left_out: Collection[str]) -> float:
        return psnr_in_holes(wanted, _results(written(left_out), ranked, size), ranked)

    choice = choose(sorted({kind_of(name) for name in names}), psnr, least_psnr, progress)
    return written(choice.left_out), choice


def _fitted(image: Array, size: Size, number: int) -> Pair:
    """Its middle, scaled to the one size that the file takes, under a seeded hole."""
    return fitted(image, size), scene(size.height, size.width, seed=number)[1][0]


def _results(content: bytes, pairs: Sequence[Pair], size: Size) -> Iterable[Array]:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "model.tflite"
        path.write_bytes(content)
        backend = LiteRtBackend(path)
    for image, mask in pairs:
        yield backend.run(image[None].repeat(size.batch, 0), mask[None].repeat(size.batch, 0))[0]


def _dynamic(content: bytes, names: Sequence[str]) -> bytes:
    """Of these layers."""
    one = quantizer.Quantizer(bytearray(content))
    for operation in CONVOLUTIONS:
        one.add_dynamic_config(_scope(names), operation, BITS)
    with _quiet():
        return bytes(one.quantize(enable_progress_bar=False, enable_progress_report=False).quantized_model)


def _static(content: bytes, exact: Sequence[str], ranges: dict[str, Any]) -> bytes:
    """But for these layers."""
    one = _static_recipe(content)
    if exact:
        for operation in CONVOLUTIONS:
            one.update_quantization_recipe(_scope(exact), operation, algorithm_key=AlgorithmName.NO_QUANTIZE)
    with _quiet():
        return bytes(one.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)


def _measured(content: bytes, pairs: Sequence[Pair], size: Size) -> dict[str, Any]:
    """The ranges of all values on these pictures."""
    n = size.batch
    feeds = [{"image": image[None].repeat(n, 0), "mask": mask[None].repeat(n, 0)} for image, mask in pairs]
    with _quiet():
        return dict(_static_recipe(content).calibrate({SIGNATURE: feeds}, num_threads=1))


def _static_recipe(content: bytes) -> quantizer.Quantizer:
    one = quantizer.Quantizer(bytearray(content))
    scope = f"^(?!{'|'.join(map(re.escape, EXACT))})"
    one.add_static_config(scope, qtyping.TFLOperationName.ALL_SUPPORTED, BITS, BITS)
    return one


def _scope(names: Iterable[str]) -> str:
    """Of the values that these layers make; a transposed convolution's are cut afterwards."""
    return f"^({'|'.join(map(re.escape, names))})(/whole)?;?$"


@contextlib.contextmanager
def _quiet() -> Any:
    """Without its progress bars and advice."""
    with contextlib.redirect_stderr(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
