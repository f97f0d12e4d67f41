"""Every precision within its tolerance on drawn cases, which are harder than anything that people have.

HYPOTHESIS_CASES=200 draws more of them than the suite has time for.
"""

import os
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from lama_deploy.bundle import MODELS
from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.images.pixels import to_bytes
from lama_deploy.proof.candidate import candidate
from lama_deploy.proof.hole_errors import HoleErrors
from lama_deploy.proof.reference import eager, oracle
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backend import Backend
from lama_export.options import Precision, Target
from tests.drawn_cases import CASES, image_of, mask_of

ORACLE, EAGER = ("torch", "fp64"), ("torch", "fp32")
Kind = tuple[str, str]  # target and precision
FLOATS: list[tuple[Target, Precision]] = [
    ("onnx", "fp32"),
    ("onnx", "fp16"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "fp16"),
]
INT8: list[tuple[Target, Precision]] = [("onnx", "int8"), ("openvino", "int8")]
DRAWN = settings(
    max_examples=int(os.environ.get("HYPOTHESIS_CASES", "5")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)


@pytest.fixture(scope="module")
def backend_of(demo_bundle: Callable[[Target, Precision], Path]) -> Callable[[Kind], Backend]:
    """What a kind of bundle computes, and PyTorch under ORACLE and EAGER; made when it is first asked for."""
    weights = load_weights("lama-demo")
    opened: dict[Kind, Backend] = {ORACLE: oracle(weights), EAGER: eager(weights)}

    def backend(kind: Kind) -> Backend:
        target, precision = kind
        if kind not in opened:
            file = demo_bundle(target, precision) / MODELS[target]  # type: ignore[arg-type]
            opened[kind] = candidate(file, precision)
        return opened[kind]

    return backend


def check(
    backend_of: Callable[[Kind], Backend],
    kinds: Sequence[Kind],
    size: tuple[int, int, int],
    image: str,
    mask: str,
    seed: int,
) -> None:
    images, masks = image_of(image, *size, seed), mask_of(mask, *size, seed)
    wanted = backend_of(ORACLE).run(images, masks)
    known = HoleErrors.of(wanted, backend_of(EAGER).run(images, masks), masks)
    for kind in kinds:
        result = backend_of(kind).run(images, masks)
        broken = tolerance_of(kind[1]).drawn.limits(known).broken_by(HoleErrors.of(wanted, result, masks))
        assert not broken, (kind, size, image, mask, broken)
        assert np.array_equal(to_bytes(result)[masks == 0], images[masks == 0])


@DRAWN
@given(**CASES)
def test_drawn_case(
    backend_of: Callable[[Kind], Backend], size: tuple[int, int, int], image: str, mask: str, seed: int
) -> None:
    check(backend_of, FLOATS, size, image, mask, seed)


@pytest.mark.slow
@DRAWN
@given(**CASES)
def test_drawn_case_in_int8(
    backend_of: Callable[[Kind], Backend], size: tuple[int, int, int], image: str, mask: str, seed: int
) -> None:
    check(backend_of, INT8, size, image, mask, seed)
