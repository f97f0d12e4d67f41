"""Products are exact inside, whichever of PyTorch's two APIs allowed them not to be, and both read as before after."""

import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
import torch

from lama_deploy.checkpoints.checkpoint import Checkpoint
from lama_deploy.model.exact_float32 import HAS_NEW_SWITCHES, OPERATIONS, ROUNDED, exact_float32
from lama_deploy.proof.reference import ReferenceBackend, eager
from lama_deploy.proof.subjects import Size
from tests.kept_references import COMPUTED

new = pytest.mark.skipif(not HAS_NEW_SWITCHES, reason="this PyTorch has no fp32_precision")
ALL = (("generic", "all"), ("cuda", "all"), ("mkldnn", "all"), *OPERATIONS)
backends = torch.backends
SETTINGS: dict[str, Callable[[], Any]] = {
    "as it comes": lambda: None,
    "no TF32 in convolutions": lambda: setattr(backends.cudnn, "allow_tf32", False),
    "TF32 in products": lambda: setattr(backends.cuda.matmul, "allow_tf32", True),
    "high": lambda: torch.set_float32_matmul_precision("high"),
    "medium": lambda: torch.set_float32_matmul_precision("medium"),
    "float16 sums": lambda: setattr(backends.cuda.matmul, "allow_fp16_accumulation", True),
}
NEW_SETTINGS: dict[str, Callable[[], Any]] = {
    "all in TF32": lambda: setattr(backends, "fp32_precision", "tf32"),
    "all in bfloat16": lambda: setattr(backends, "fp32_precision", "bf16"),
    "convolutions in TF32": lambda: setattr(backends.cudnn.conv, "fp32_precision", "tf32"),
    "convolutions exact": lambda: setattr(backends.cudnn.conv, "fp32_precision", "ieee"),
    "products in TF32": lambda: setattr(backends.cuda.matmul, "fp32_precision", "tf32"),
    "the CPU's convolutions in bfloat16": lambda: setattr(backends.mkldnn.conv, "fp32_precision", "bf16"),
}


def asked(question: Callable[[], Any]) -> Any:
    try:
        return question()
    except RuntimeError:
        return "refused"


def switches() -> dict[str, Any]:
    """All that a user can read."""
    found = {
        "convolutions": asked(lambda: backends.cudnn.allow_tf32),
        "products": asked(torch.get_float32_matmul_precision),
        "benchmark": backends.cudnn.benchmark,
        "deterministic": backends.cudnn.deterministic,
        "float16": asked(lambda: backends.cuda.matmul.allow_fp16_accumulation),
    }
    if HAS_NEW_SWITCHES:
        found |= {"/".join(one): torch._C._get_fp32_precision_getter(*one) for one in ALL}
    return found


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = switches()
    yield
    if HAS_NEW_SWITCHES:
        for one in ALL:
            torch._C._set_fp32_precision_setter(*one, "none")
    backends.cudnn.allow_tf32 = before["convolutions"]
    torch.set_float32_matmul_precision(before["products"])
    backends.cuda.matmul.allow_fp16_accumulation = before["float16"]
    for one in ALL if HAS_NEW_SWITCHES else ():
        torch._C._set_fp32_precision_setter(*one, before["/".join(one)])


def assert_exact() -> None:
    assert asked(lambda: backends.cudnn.allow_tf32) in (False, "refused")
    assert asked(torch.get_float32_matmul_precision) in ("highest", "refused")
    assert asked(lambda: backends.cuda.matmul.allow_fp16_accumulation) is False
    if HAS_NEW_SWITCHES:
        assert not {torch._C._get_fp32_precision_getter(*one) for one in OPERATIONS} & {*ROUNDED}


@pytest.mark.parametrize("name", [*SETTINGS, *(pytest.param(name, marks=new) for name in NEW_SETTINGS)])
def test_exact_inside_and_as_before_after(name: str) -> None:
    (SETTINGS | NEW_SETTINGS)[name]()
    before = switches()
    with pytest.raises(ZeroDivisionError), exact_float32(search=True):
        assert backends.cudnn.benchmark
        with exact_float32(search=False):
            assert_exact()
            assert not backends.cudnn.benchmark
        assert_exact()
        raise ZeroDivisionError
    assert switches() == before


def test_search_is_left_alone_where_nobody_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(backends.cudnn, "benchmark", True)
    with exact_float32():
        assert backends.cudnn.benchmark


@new
def test_what_is_inherited_goes_on_being_so() -> None:
    backends.fp32_precision = "tf32"
    with exact_float32():
        pass
    backends.fp32_precision = "ieee"
    assert {torch._C._get_fp32_precision_getter(*one) for one in OPERATIONS} == {"ieee"}


def test_threads_wait_for_each_other() -> None:
    inside, entered = threading.Event(), threading.Event()

    def enter() -> None:
        inside.wait()
        with exact_float32():
            entered.set()

    other = threading.Thread(target=enter)
    other.start()
    with exact_float32():
        inside.set()
        assert not entered.wait(0.2)
    other.join()
    assert entered.is_set()


@pytest.mark.parametrize("name", SETTINGS)
def test_exact_inside_where_pytorch_has_the_old_switches_alone(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lama_deploy.model.exact_float32.HAS_NEW_SWITCHES", False)
    SETTINGS[name]()
    read = lambda: (backends.cudnn.allow_tf32, torch.get_float32_matmul_precision())  # noqa: E731
    before = read()
    with exact_float32():
        assert read() == (False, "highest")
    assert read() == before


@new
def test_the_reference_of_the_gate_is_exact(tiny: Checkpoint, monkeypatch: pytest.MonkeyPatch) -> None:
    """What eager float32 is off by says what artefacts may be off by: bfloat16 there would let anything pass."""
    monkeypatch.setattr(ReferenceBackend, "run", COMPUTED)
    pictures = Size(64, 64).pictures()
    expected = eager(tiny).run(*pictures)
    backends.fp32_precision = "bf16"
    np.testing.assert_array_equal(eager(tiny).run(*pictures), expected)
