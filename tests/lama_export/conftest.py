"""Bundles of the demonstration model in every precision, each exported once for all tests that ask for it."""

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from lama_deploy.checkpoints.weights import load_weights
from lama_deploy.images.folders import SHIPPED
from lama_deploy.proof.subjects import Size
from lama_export import ExportOptions, export_bundle
from lama_export.options import Precision, Target


@pytest.fixture(scope="session")
def photographs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three small ones, to calibrate on in less time than the shipped ones take."""
    folder = tmp_path_factory.mktemp("photographs")
    for path in sorted(SHIPPED.glob("*.jpg"))[:3]:
        picture = Image.open(path)
        picture.thumbnail((160, 160))
        picture.save(folder / f"{path.stem}.png")
    return folder


@pytest.fixture(scope="session")
def demo_bundle(photographs: Path, tmp_path_factory: pytest.TempPathFactory) -> Callable[[Target, Precision], Path]:
    """(target, precision) -> its folder, not to be written to. Of those with ranges, ONNX in fp16 has the default's."""
    folder = tmp_path_factory.mktemp("demo")

    @cache
    def export(target: Target, precision: Precision) -> Path:
        small = precision == "int8" or (target, precision) == ("openvino", "fp16")
        options = ExportOptions(
            target=target,
            precision=precision,
            io="uint8" if precision == "int8" else "float",
            calibration=photographs if small else None,
            parity_subjects=[Size(61, 77), Size(16, 16)],
        )
        export_bundle(load_weights("lama-demo"), folder / f"{target}-{precision}", options)
        return folder / f"{target}-{precision}"

    return export
