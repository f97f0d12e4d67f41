"""Post-training quantisation of an ONNX file by ONNX Runtime, in QDQ form: any engine that reads ONNX can take it.

Transposed convolutions stay as they are: ONNX Runtime has no 8-bit kernel for them. `quantise` for ONNX Runtime takes a
model in float32, and for TensorRT one in float16 (`tensorrt_form.py`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import helper
from onnxruntime.quantization import CalibrationDataReader, QuantType, quantize_static

from lama_deploy.arrays import Array
from lama_deploy.bundle import IO_PROPERTY, PRECISION_PROPERTY
from lama_deploy.runtime.backends.onnxruntime import OnnxRuntimeBackend
from lama_export.precision.sensitivity import RANKING_PICTURES, SPECTRAL, Choice, Pair, choose, kind_of, psnr_in_holes
from lama_export.precision.tensorrt_form import SYMMETRIC, with_biases_apart
from lama_export.progress import Progress

HEAD = "/head/"
ASYMMETRIC: Mapping[str, Any] = {"activation_type": QuantType.QUInt8}


def quantise(
    model: onnx.ModelProto,
    pairs: Sequence[Pair],
    least_psnr: float,
    progress: Progress = iter,
    *,
    for_tensorrt: bool = False,
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
            _quantise_file(exact, quantised, nodes, pairs, ranges, SYMMETRIC if for_tensorrt else ASYMMETRIC)
            if for_tensorrt:
                onnx.save(with_biases_apart(onnx.load(quantised)), quantised)

        def psnr(left_out: Collection[str]) -> float:
            write(left_out)
            return psnr_in_holes(wanted, _results(quantised, ranked), ranked)

        choice = choose(kinds, psnr, least_psnr, progress)
        write(choice.left_out)
        _centre(model, list(_results(exact, pairs)), list(_results(quantised, pairs)), pairs)
        onnx.save(model, exact)
        write(choice.left_out)
        written = onnx.load(quantised)
    helper.set_model_props(written, {IO_PROPERTY: "uint8", PRECISION_PROPERTY: "int8"})
    return written, choice


def _centre(model: onnx.ModelProto, wanted: Sequence[Array], found: Sequence[Array], pairs: Sequence[Pair]) -> None:
    """Change the head's bias in place, by what quantisation has made the holes of these pictures darker or brighter.

    Roundings and clipped ranges add up to a shift of a grey level or two, of all pixels alike, which is seen sooner
    than noise. NNCF corrects the bias of every layer; for the picture's mean the last one suffices.
    """
    holes = [mask > 0 for _, mask in pairs]
    exact, got = (
        np.concatenate([one[hole] for one, hole in zip(some, holes, strict=True)]) for some in (wanted, found)
    )
    value = (exact + 0.5) / 256
    slope = (value * (1 - value)).mean(axis=0)  # of the sigmoid that follows
    shift = (got.astype(np.float64) - exact).mean(axis=0) / 255 / slope
    biases = {node.input[2] for node in model.graph.node if node.op_type == "Conv" and HEAD in node.name}
    for tensor in model.graph.initializer:
        if tensor.name in biases:  # of 2x2 pixels of red, of green and of blue
            bias = onnx.numpy_helper.to_array(tensor)
            centred = (bias.reshape(3, -1) - shift[:, None]).astype(bias.dtype)
            tensor.CopyFrom(onnx.numpy_helper.from_array(centred.ravel(), tensor.name))


def _convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """Those that may be quantised. The head's results would be stored in 8 bits, a third of the grey levels lost."""
    exact = (SPECTRAL, HEAD)
    return [node for node in model.graph.node if node.op_type == "Conv" and not any(one in node.name for one in exact)]


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


def _quantise_file(
    model: Path, out: Path, nodes: Sequence[str], pairs: Iterable[Pair], ranges: Path, form: Mapping[str, Any]
) -> None:
    """Ranges are measured once, and read from their file afterwards."""
    root, nowhere = logging.getLogger(), logging.NullHandler()
    level = root.level
    root.setLevel(logging.ERROR)  # it recommends a step that does nothing here
    root.addHandler(nowhere)  # else its first word gives the process a handler, which says everything once more
    try:
        quantize_static(
            model,
            out,
            _Reader(pairs),
            op_types_to_quantize=["Conv"],
            nodes_to_quantize=list(nodes),
            per_channel=True,
            weight_type=QuantType.QInt8,
            calibration_cache_path=ranges,
            **form,
        )
    finally:
        root.setLevel(level)
        root.removeHandler(nowhere)
