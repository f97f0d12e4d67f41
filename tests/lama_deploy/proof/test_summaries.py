"""What a table of errors leaves out, it says."""

from __future__ import annotations

import numpy as np

from lama_deploy.arrays import Array
from lama_deploy.proof.parity import measure
from lama_deploy.proof.subjects import Size
from lama_deploy.proof.summaries import HIDDEN, parity_table
from lama_deploy.proof.tolerance import tolerance_of
from lama_deploy.runtime.backend import Capabilities


class Brighter:
    """Fills holes with grey, `levels` too bright in its first `count` pixels."""

    name, device, capabilities = "grey", "cpu", Capabilities()

    def __init__(self, levels: float = 0, count: int = 0, dtype: type = np.uint8) -> None:
        self.levels, self.count, self.dtype = levels, count, dtype

    def run(self, images: Array, masks: Array) -> Array:
        result = images.astype(np.float64)
        result[masks > 0] = 100
        result.reshape(-1, 3)[np.flatnonzero(masks)[: self.count]] += self.levels
        return result.astype(np.uint8) if self.dtype is np.uint8 else (result / 255).astype(self.dtype)


def table(candidate: Brighter, reference: Brighter) -> list[str]:
    record = measure(candidate, reference, [Size(16, 24)], tolerance_of("fp32"))
    return parity_table(record).splitlines()


def test_bytes_one_level_apart_are_no_error_and_no_identity() -> None:
    header, row, line = table(Brighter(levels=1, count=20), Brighter())
    assert "other bytes" in header and "0.0e+00" in row and "no error" in row and "identical" not in row
    assert line == HIDDEN and row.split()[-2].endswith("%") and row.split()[-2] != "0.00%"


def test_the_same_bytes_are_identical() -> None:
    _, row = table(Brighter(), Brighter())
    assert " identical " in row and row.split()[-2] == "0.00%"


def test_floats_hide_nothing() -> None:
    _, row, *_ = table(Brighter(levels=0.5, count=20, dtype=np.float32), Brighter(dtype=np.float64))
    assert "identical" not in row and "no error" not in row and HIDDEN not in row
