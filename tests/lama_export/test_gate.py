"""The gate refuses broken generators and broken pictures in every precision, and lets right ones pass.

`python -m benchmarks.quality.gate.run` tells each verdict.
"""

from collections.abc import Callable
from pathlib import Path

import pytest

from lama_deploy.bundle import MODELS
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.errors import ParityError
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.subjects import PHOTOGRAPHS, SmallHole
from lama_export import ExportOptions, export_bundle
from lama_export.options import Precision, Target
from tests.defects import defects
from tests.defects.trial import Trial

DEFECTS = defects(load_weights("lama-demo").config)
FLOATS: list[tuple[Target, Precision]] = [("onnx", "fp32"), ("onnx", "fp16"), ("openvino", "bf16")]
INT8: list[Target] = ["onnx", "openvino"]
EAGER = 8.7e-8  # rms of eager float32 on photographs, on processors with AVX-512
# What may pass in a precision: alone it leaves more than this PSNR in dB, that of the precision's own rounding, so that
# nobody sees it beside that. 48 dB are one grey level.
INVISIBLE = {"bf16": 52.0, "int8": 37.5}
ALLOWED = {
    "fp32": set[str](),
    "fp16": set[str](),
    "bf16": {
        "inverse transform off by 1%",
        "BN folded with epsilon 1e-3",
        "a local channel zeroed",
        "a global channel zeroed",
        "rounded to bytes, not truncated",
    },
    "int8": {
        "Fourier unit 10 zeroed",
        "inverse transform off by 1%",
        "taps of the local path transposed",
        "bias of a trunk layer lost",
        "BN folded with epsilon 1e-3",
        "a local channel zeroed",
        "a global channel zeroed",
        "reflect padding of the head replaced by zeros",
        "decoder near holes without a halo",
        "weights in 6 bits",
        "a tenth of the weights pruned",
        "+1 grey levels",
        "contrast 1.05",
        "dithered by 2 grey levels",
        "rounded to bytes, not truncated",
    },
}


@pytest.fixture(scope="module")
def floats(demo_bundle: Callable[[Target, Precision], Path]) -> Trial:
    files = {kind: demo_bundle(*kind) / MODELS[kind[0]] for kind in FLOATS}
    opened = {kind[1]: (candidate(file, kind[1]), kind[1]) for kind, file in files.items()}
    subjects = (SmallHole(96, 80), PHOTOGRAPHS[3], PHOTOGRAPHS[4])  # fewer than the gate has
    computed = {name: one for name, one in opened.items() if name != "bf16" or one[0].capabilities.precision == name}
    return Trial(load_weights("lama-demo"), computed, subjects, EAGER)


@pytest.fixture(scope="module")
def int8(demo_bundle: Callable[[Target, Precision], Path]) -> tuple[Trial, Trial]:
    """On three photographs, and on all that the gate has."""
    files = {target: demo_bundle(target, "int8") / MODELS[target] for target in INT8}
    opened = {target: (candidate(file, "int8"), "int8") for target, file in files.items()}
    few, every = (
        Trial(load_weights("lama-demo"), opened, (SmallHole(96, 80), *some)) for some in (PHOTOGRAPHS[2:5], PHOTOGRAPHS)
    )
    return few, every


@pytest.mark.parametrize("precision", [precision for _, precision in FLOATS])
def test_right_artefacts_pass(precision: str, floats: Trial) -> None:
    if precision not in floats.names:
        pytest.skip(f"OpenVINO computes no {precision} on this processor: nothing is tried in it")
    record = floats.right(precision)
    assert record.passed, [case.broken for case in record.cases]


@pytest.mark.slow
@pytest.mark.parametrize("target", INT8)
def test_right_artefacts_in_int8_pass(target: str, int8: tuple[Trial, Trial]) -> None:
    record = int8[1].right(target)
    assert record.passed, [case.broken for case in record.cases]


@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize(
    "name",
    [
        # A fifth of them each time, of every kind: they stand in the order of kinds.
        pytest.param(name, marks=() if place % 5 == 0 else pytest.mark.slow)
        for place, name in enumerate(DEFECTS)
    ],
)
def test_defects_are_refused_in_every_float_precision(name: str, floats: Trial) -> None:
    for precision, record in floats.records(DEFECTS[name]).items():
        if record.passed:
            assert name in ALLOWED[precision], (precision, record.cases[-1])
            assert floats.alone(DEFECTS[name]) > INVISIBLE[precision]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:invalid value encountered")
@pytest.mark.parametrize("name", DEFECTS)
def test_defects_are_refused_in_int8(name: str, int8: tuple[Trial, Trial]) -> None:
    """By three photographs, which takes a third of the time; what they let pass, by all."""
    few, every = int8
    records = few.records(DEFECTS[name])
    if name not in ALLOWED["int8"] and any(record.passed for record in records.values()):
        records = every.records(DEFECTS[name])
    for target, record in records.items():
        if record.passed:
            assert name in ALLOWED["int8"], (target, record.cases[-1])
            assert few.alone(DEFECTS[name]) > INVISIBLE["int8"]


@pytest.mark.slow
def test_int8_of_too_few_pictures_is_refused_with_advice(photographs: Path, tmp_path: Path) -> None:
    """Ranges of three thumbnails clip what photographs reach: the fill loses a third of its grey levels."""
    options = ExportOptions(precision="int8", calibration=photographs)
    with pytest.raises(ParityError, match=r"PSNR .* nothing was written; leave out --int8, or give it more"):
        export_bundle(load_weights("lama-demo"), tmp_path / "out", options)
    assert not list(tmp_path.iterdir())


def test_there_are_enough_of_them() -> None:
    assert len(DEFECTS) >= 40 and set().union(*ALLOWED.values()) < set(DEFECTS)
