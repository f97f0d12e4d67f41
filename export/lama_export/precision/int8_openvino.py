"""Post-training quantisation of an OpenVINO model by NNCF: weights per output channel, activations per tensor.

The sums that blocks add to are not quantised: what is lost there is handed on by every block.
"""

from __future__ import annotations

import contextlib
import io
import logging
from collections.abc import Collection, Iterator, Sequence

import nncf
import openvino as ov
from openvino import opset13 as ops

from lama_deploy.arrays import Array
from lama_deploy.runtime.backends.openvino_core import openvino_core
from lama_export.precision.sensitivity import RANKING_PICTURES, SPECTRAL, Choice, Pair, choose, kind_of, psnr_in_holes
from lama_export.progress import Progress

CONVOLUTIONS = ("Convolution", "ConvolutionBackpropData")


def quantise(
    model: ov.Model, pairs: Sequence[Pair], least_psnr: float, progress: Progress = iter
) -> tuple[ov.Model, Choice]:
    """Quantise a model of the uint8 interface on these pictures. Raises ParityError (`choose`)."""
    _name_deconvolutions(model)
    quantised = _with_nncf(model, pairs)
    ranked = pairs[:RANKING_PICTURES]
    wanted = list(_results(model, ranked))
    kinds = sorted({kind_of(node.get_friendly_name()) for node in _convolutions(quantised) if any(_quantisers(node))})

    def psnr(left_out: Collection[str]) -> float:
        return psnr_in_holes(wanted, _results(_put_back(quantised, model, left_out), ranked), ranked)

    choice = choose(kinds, psnr, least_psnr, progress)
    return _put_back(quantised, model, choice.left_out), choice


def _results(model: ov.Model, pairs: Sequence[Pair]) -> Iterator[Array]:
    """In the precision that this CPU runs fastest, so that both sides round alike."""
    compiled = openvino_core().compile_model(model, "CPU")
    for image, mask in pairs:
        yield compiled([image[None], mask[None]])[0][0].copy()


def _with_nncf(model: ov.Model, pairs: Sequence[Pair]) -> ov.Model:
    nncf.set_log_level(logging.ERROR)
    with contextlib.redirect_stdout(io.StringIO()):  # its progress bars
        return nncf.quantize(
            model,
            nncf.Dataset(pairs, lambda pair: [pair[0][None], pair[1][None]]),
            target_device=nncf.TargetDevice.CPU,
            subset_size=len(pairs),
            ignored_scope=nncf.IgnoredScope(patterns=[f".*{SPECTRAL}.*"], types=["Add"], validate=False),
        )


def _put_back(quantised: ov.Model, original: ov.Model, kinds: Collection[str]) -> ov.Model:
    """A copy of `quantised` whose convolutions of these kinds have the original's weights and read exact values."""
    copy = quantised.clone()
    weights = {node.get_friendly_name(): node.input_value(1).get_node() for node in _convolutions(original)}
    for node in _convolutions(copy):
        if kind_of(node.get_friendly_name()) in kinds:
            for quantiser in list(_quantisers(node)):
                quantiser.output(0).replace(quantiser.input_value(0))
            exact = ops.constant(weights[node.get_friendly_name()].get_data())
            node.input(1).replace_source_output(exact.output(0))
    return copy


def _convolutions(model: ov.Model) -> list[ov.Node]:
    return [node for node in model.get_ordered_ops() if node.get_type_name() in CONVOLUTIONS]


def _quantisers(node: ov.Node) -> Iterator[ov.Node]:
    """The FakeQuantize nodes of what a convolution reads, above what only moves values."""
    above = node.input_value(0).get_node()
    nodes = [value.get_node() for value in above.input_values()] if above.get_type_name() == "Concat" else [above]
    for found in nodes:
        if found.get_type_name() == "FakeQuantize":
            yield found
        elif found.get_type_name() in ("Pad", "Split"):
            yield from _quantisers(found)


def _name_deconvolutions(model: ov.Model) -> None:
    """OpenVINO's reader gives their name to the bias that follows."""
    for node in _convolutions(model):
        if node.get_type_name() == "ConvolutionBackpropData":
            (reader,) = (target.get_node() for target in node.output(0).get_target_inputs())
            node.set_friendly_name(f"{reader.get_friendly_name()}/WithoutBiases")
