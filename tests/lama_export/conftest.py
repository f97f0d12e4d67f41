"""Bundles of the demonstration model in every precision, each exported once for all tests that ask for it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from lama_deploy.calibration import SHIPPED
from lama_deploy.proof.parity import Size
from lama_deploy.weights import load_weights
from lama_export import ExportOptions, export_bundle
from lama_export.options import Precision, Target


@pytest.fixture(scope="session")
def demo_bundle(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target, Precision], Path]:
    """(target, precision) -> its folder, not to be written to. int8 is calibrated on three small photographs."""
    photographs = tmp_path_factory.mktemp("photographs")
    for path in sorted(SHIPPED.glob("*.jpg"))[:3]:
        picture = Image.open(path)
        picture.thumbnail((160, 160))
        picture.save(photographs / f"{path.stem}.png")
    folder = tmp_path_factory.mktemp("demo")

    @cache
    def export(target: Target, precision: Precision) -> Path:
        calibration = photographs if precision == "int8" else None
        options = ExportOptions(
            target=target,
            precision=precision,
            io="uint8" if precision == "int8" else "float",
            calibration=calibration,
            parity_sizes=[Size(61, 77), Size(16, 16)],
        )
        export_bundle(load_weights("lama-demo"), folder / f"{target}-{precision}", options)
        return folder / f"{target}-{precision}"

    return export
