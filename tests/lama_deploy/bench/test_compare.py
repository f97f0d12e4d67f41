"""What a benchmark makes of right, wrong and failing models, on a clock that only they move."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from lama_deploy.bench.candidates import Candidate, default_sizes
from lama_deploy.bench.compare import Row, Schedule, bench
from lama_deploy.bench.timing import LEAST_ROUNDS, WARM_UP
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.tolerance import USUAL_EAGER, tolerance_of
from lama_deploy.runtime.backend import Capabilities
from lama_deploy.shapes import ShapeRange

SIZE = Size(24, 32)
ANY_SHAPE = Capabilities()
CALLS = 1 + WARM_UP + LEAST_ROUNDS  # of each model: the first, untimed and timed ones


@dataclass
class Fake:
    """Fills holes with grey, in `seconds` of the clock, the first time in ten times as many.

    broken: what it does to its result, from call number `from_call` on.
    """

    clock: SimpleNamespace
    seconds: float
    broken: Callable[[np.ndarray], Any] = lambda result: result
    from_call: int = 1
    name: str = "fake"
    device: str = "cpu"
    capabilities: Capabilities = ANY_SHAPE
    calls: int = 0
    shapes: list[tuple[int, ...]] = field(default_factory=list)

    def run(self, images: np.ndarray, masks: np.ndarray) -> Any:
        self.calls += 1
        self.shapes.append(images.shape)
        self.clock.now += self.seconds * (10 if self.calls == 1 else 1)
        result = np.where(masks[..., None] > 0, np.float32(0.5), images / np.float32(255))
        return self.broken(result) if self.calls >= self.from_call else result


@pytest.fixture
def clock() -> SimpleNamespace:
    return SimpleNamespace(now=0.0)


def candidate(name: str, backend: Any, weights: str = "same", precision: str = "fp32", **more: Any) -> Candidate:
    return Candidate(name, backend, precision, {"source": weights, "sha256": weights}, tolerance_of(precision), **more)


def measured(clock: SimpleNamespace, *candidates: Candidate, size: Size = SIZE, budget: float = 0.1) -> dict[str, Row]:
    rows = bench(candidates, [size], Schedule(100, budget, lambda: clock.now))
    assert [row.candidate for row in rows] == [one.name for one in candidates]
    return {row.candidate: row for row in rows}


def fails(what: str) -> Callable[[np.ndarray], Any]:
    def fail(result: np.ndarray) -> Any:
        raise RuntimeError(f"{what}\nmore")

    return fail


def test_ratios_and_first_calls(clock):
    rows = measured(clock, candidate("slow", Fake(clock, 0.25)), candidate("fast", Fake(clock, 0.125)))
    slow, fast = rows.values()
    assert slow.is_baseline and not fast.is_baseline
    assert slow.seconds == (0.25,) * LEAST_ROUNDS and fast.seconds == (0.125,) * LEAST_ROUNDS
    assert (slow.first_s, fast.first_s) == (2.5, 1.25)
    assert slow.speedup.ratio == 1 and fast.speedup.ratio == fast.speedup.low == fast.speedup.high == 2
    assert fast.found.largest == 0 and fast.failure is None and fast.summary.median_s == 0.125


def test_sizes_and_candidates_stay_in_order(clock):
    models = [candidate("b", Fake(clock, 1)), candidate("a", Fake(clock, 1))]
    rows = bench(models, [Size(16, 24), Size(8, 8, 2)], Schedule(1, 1, lambda: clock.now))
    assert [f"{row.size} {row.candidate}" for row in rows] == ["16x24 b", "16x24 a", "8x8x2 b", "8x8x2 a"]
    assert set(models[0].backend.shapes) == {(1, 16, 24, 3), (2, 8, 8, 3)}


WRONG = {
    "off": (
        lambda result: result + np.float32(1e-3) * (result == 0.5),
        "WRONG against good: max error 1.00e-03",
    ),
    "NaN": (
        lambda result: np.where(result == 0.5, np.nan, result),
        "does not run at 24x32: the model computed NaN or infinity",
    ),
    "known pixels": (lambda result: result * 0, "pixels outside the hole were changed"),
    "shape": (
        lambda result: result[:, :-1],
        "the model gave a result of shape (1, 23, 32, 3) for pictures of (1, 24, 32, 3)",
    ),
    "raises": (fails("out of memory"), "does not run at 24x32: out of memory"),
}


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("from_call", [1, 2, 6])
@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong_gets_no_time(clock, case, from_call):
    """Also where only later results are, such as those of a graph; and the others go on."""
    broken, message = WRONG[case]
    bad = candidate("bad", Fake(clock, 1, broken, from_call))
    rows = measured(clock, candidate("good", Fake(clock, 1)), bad, candidate("other", Fake(clock, 0.5)))
    assert message in rows["bad"].failure and "\n" not in rows["bad"].failure
    assert rows["bad"].seconds == () and rows["bad"].speedup is rows["bad"].summary is None
    assert rows["good"].is_baseline and len(rows["good"].seconds) == len(rows["other"].seconds) == LEAST_ROUNDS
    assert rows["other"].speedup.ratio == 2


@pytest.mark.filterwarnings("ignore:invalid value encountered in cast")
@pytest.mark.parametrize("case", ["known pixels", "shape", "raises", "NaN"])
def test_where_the_first_fails_the_next_is_the_baseline(clock, case):
    broken, _ = WRONG[case]
    rows = measured(clock, candidate("bad", Fake(clock, 1, broken)), candidate("good", Fake(clock, 1)))
    assert rows["bad"].failure and rows["good"].is_baseline and len(rows["good"].seconds) == LEAST_ROUNDS


def test_all_fail(clock):
    rows = measured(clock, candidate("a", Fake(clock, 1, fails("a"))), candidate("b", Fake(clock, 1, fails("b"), 2)))
    assert all(row.failure and not row.seconds for row in rows.values())


def test_other_weights_are_named(clock):
    off = Fake(clock, 1, lambda result: np.where(result == 0.5, np.float32(0.4), result))
    rows = measured(clock, candidate("good", Fake(clock, 1)), candidate("bad", off, weights="others"))
    assert rows["bad"].failure.endswith("; it was made from another checkpoint")


def test_tolerance_is_the_wider_one_of_both(clock):
    off = lambda result: result + np.float32(1e-3) * (result == 0.5)  # noqa: E731
    half = candidate("half", Fake(clock, 1, off), precision="fp16")
    rows = measured(clock, half, candidate("full", Fake(clock, 1)))
    assert rows["full"].found.largest == pytest.approx(1e-3, rel=1e-3)
    assert rows["full"].limits == half.tolerance.photograph.limits(None)
    eager = replace(USUAL_EAGER, largest=1e-3, mean=1e-3, rms=1e-3)
    amplified = candidate("amplified", Fake(clock, 1, off), eager=eager)
    rows = measured(clock, candidate("full", Fake(clock, 1)), amplified)
    assert rows["amplified"].limits == tolerance_of("fp32").photograph.limits(eager) and rows["amplified"].seconds


def test_bytes_and_floats_are_compared_either_way(clock):
    to_bytes = lambda result: np.clip(result * 255, 0, 255).astype(np.uint8)  # noqa: E731
    of_bytes, of_floats = candidate("b", Fake(clock, 1, to_bytes)), candidate("f", Fake(clock, 1))
    for pair in [(of_bytes, of_floats), (of_floats, of_bytes)]:
        assert all(row.found.largest == 0 for row in measured(clock, *pair).values())
    off = candidate("off", Fake(clock, 1, lambda result: result + np.float32(1e-2) * (result == 0.5)))
    assert "WRONG against b: max error 8.04e-03" in measured(clock, of_bytes, off)["off"].failure


def test_engines_are_not_padded_nor_split(clock):
    takes = Capabilities(shapes=(ShapeRange((1, 32, 32), (1, 32, 32), (1, 64, 64)),))
    backend = Fake(clock, 1, capabilities=takes)
    rows = measured(clock, candidate("engine", backend), candidate("other", Fake(clock, 1)))
    assert rows["engine"].failure == "no profile takes it; the engine has 32x32 to 64x64" and backend.calls == 0
    assert rows["other"].is_baseline
    assert measured(clock, candidate("engine", backend), size=Size(64, 48))["engine"].seconds


def test_eager_is_exact_where_others_are_held_to_it(clock):
    """And as it comes where it is timed."""
    allowed = []

    def look(result: np.ndarray) -> np.ndarray:
        allowed.append(torch.backends.cudnn.allow_tf32)
        return result

    measured(clock, candidate("eager", Fake(clock, 1, look, name="torch")))
    assert allowed == [False] + [True] * (CALLS - 1)


def test_default_sizes(clock):
    profile = {"min": [16, 16], "opt": [32, 48], "max": [64, 64]}
    engine = {"profiles": [profile], "batch": {"min": 1, "opt": 2, "max": 4}}
    plain, of_engine = candidate("a", Fake(clock, 1)), candidate("b", Fake(clock, 1), engine=engine)
    assert list(map(str, default_sizes([plain]))) == ["256x256", "512x512"]
    sizes = list(map(str, default_sizes([plain, of_engine, of_engine])))
    assert sizes == ["16x16", "16x16x4", "16x64", "41x41", "32x48x2", "64x64"]


def test_a_file_of_one_size_is_measured_at_that(clock):
    shape = (2, 32, 48)
    takes = Capabilities(shapes=(ShapeRange(shape, shape, shape),))
    one, other = candidate("one", Fake(clock, 1, capabilities=takes)), candidate("other", Fake(clock, 1))
    assert list(map(str, default_sizes([other, one]))) == ["32x48x2"]
    assert measured(clock, one, other, size=Size(32, 48, 2))["one"].seconds
    assert measured(clock, one, other)["one"].failure == "its file takes pictures of 32x48x2 alone"
