"""Post-training quantisation of an ONNX file by ONNX Runtime, in QDQ form: any engine that reads ONNX can take it.

Transposed convolutions stay in float32: ONNX Runtime has no 8-bit kernel for them.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.runtime.backend import Array
from lama_deploy.runtime.onnxruntime_backend import OnnxRuntimeBackend
from lama_export.sensitivity import RANKING_PICTURES, SPECTRAL, Choice, Pair, Progress, choose, kind_of, psnr_in_holes


def quantise(
    model: onnx.ModelProto, pairs: Sequence[Pair], least_psnr: float, progress: Progress = iter
) -> tuple[onnx.ModelProto, Choice]:
    """Quantise a model of the uint8 interface on these pictures. Raises ParityError (`choose`)."""
    kinds = sorted({kind_of(node.name) for node in _convolutions(model)})
    ranked = pairs[:RANKING_PICTURES]
    with TemporaryDirectory() as folder:
        exact, quantised, ranges = (Path(folder) / name for name in ("exact.onnx", "int8.onnx", "ranges.json"))
        onnx.save(model, exact)
        wanted = list(_results(exact, ranked))

        def write(left_out: Collection[str]) -> None:
            nodes = [node.name for node in _convolutions(model) if kind_of(node.name) not in left_out]
            _quantise_file(exact, quantised, nodes, pairs, ranges)

        def psnr(left_out: Collection[str]) -> float:
            write(left_out)
            return psnr_in_holes(wanted, _results(quantised, ranked), ranked)

        choice = choose(kinds, psnr, least_psnr, progress)
        write(choice.left_out)
        written = onnx.load(quantised)
    helper.set_model_props(written, {IO_PROPERTY: "uint8", PRECISION_PROPERTY: "int8"})
    return written, choice


def _convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type == "Conv" and SPECTRAL not in node.name]


def _results(model: Path, pairs: Iterable[Pair]) -> Iterator[Array]:
    backend = OnnxRuntimeBackend(model, device="cpu")
    for image, mask in pairs:
        yield backend.run(image[None], mask[None])[0]


class _Reader(CalibrationDataReader):  # type: ignore[misc]
    def __init__(self, pairs: Iterable[Pair]) -> None:
        self._pairs = iter(pairs)

    def get_next(self) -> dict[str, np.ndarray[Any, Any]] | None:
        pair = next(self._pairs, None)
        return None if pair is None else {"image": pair[0][None], "mask": pair[1][None]}


def _quantise_file(model: Path, out: Path, nodes: Sequence[str], pairs: Iterable[Pair], ranges: Path) -> None:
    """Ranges are measured once, and read from their file afterwards."""
    root = logging.getLogger()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a step that does nothing here
    try:
        quantize_static(
            model,
            out,
            _Reader(pairs),
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=list(nodes),
            per_channel=True,
            activation_type=QuantType.QUInt8,
            weight_type=QuantType.QInt8,
            calibration_cache_path=ranges,
        )
    finally:
        root.setLevel(level)
