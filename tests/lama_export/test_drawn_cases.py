"""Every precision within its tolerance on drawn cases, which are harder than anything that people have.

HYPOTHESIS_CASES=200 draws more of them than the suite has time for.
"""

import os
from collections.abc import Callable
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
KINDS: list[tuple[Target, Precision]] = [
    ("onnx", "fp32"),
    ("onnx", "fp16"),
    ("onnx", "int8"),
    ("openvino", "fp32"),
    ("openvino", "bf16"),
    ("openvino", "fp16"),
    ("openvino", "int8"),
]


@pytest.fixture(scope="module")
def backends(demo_bundle: Callable[[Target, Precision], Path]) -> dict[tuple[str, str], Backend]:
    """What each kind of bundle computes; PyTorch under ORACLE and EAGER."""
    weights = load_weights("lama-demo")
    opened: dict[tuple[str, str], Backend] = {ORACLE: oracle(weights), EAGER: eager(weights)}
    for target, precision in KINDS:
        opened[target, precision] = candidate(demo_bundle(target, precision) / MODELS[target], precision)
    return opened


@settings(
    max_examples=int(os.environ.get("HYPOTHESIS_CASES", "8")),
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(**CASES)
def test_drawn_case(
    backends: dict[tuple[str, str], Backend], size: tuple[int, int, int], image: str, mask: str, seed: int
) -> None:
    images, masks = image_of(image, *size, seed), mask_of(mask, *size, seed)
    wanted = backends[ORACLE].run(images, masks)
    known = HoleErrors.of(wanted, backends[EAGER].run(images, masks), masks)
    for target, precision in KINDS:
        result = backends[target, precision].run(images, masks)
        broken = tolerance_of(precision).drawn.limits(known).broken_by(HoleErrors.of(wanted, result, masks))
        assert not broken, (target, precision, size, image, mask, broken)
        assert np.array_equal(to_bytes(result)[masks == 0], images[masks == 0])
