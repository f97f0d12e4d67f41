"""Bundles of the demonstration model in every precision, each exported once for all tests that ask for it."""

import fcntl
import os
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from PIL import Image

from lama_deploy.bundle import is_bundle
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
    """(target, precision) -> its folder, not to be written to. Each is made once for all processes of a test run.

    Of those with ranges all but OpenVINO in fp16 have the default's: fewer pictures make no right artefact in int8.
    """
    root = tmp_path_factory.getbasetemp()
    folder = (root.parent if "PYTEST_XDIST_WORKER" in os.environ else root) / "demo"
    folder.mkdir(exist_ok=True)

    @cache
    def export(target: Target, precision: Precision) -> Path:
        options = ExportOptions(
            target=target,
            precision=precision,
            io="uint8" if precision == "int8" else "float",
            calibration=photographs if (target, precision) == ("openvino", "fp16") else None,
            parity_subjects=[Size(61, 77), Size(16, 16)],
        )
        out = folder / f"{target}-{precision}"
        with out.with_suffix(".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not is_bundle(out):
                export_bundle(load_weights("lama-demo"), out, options)
        return out

    return export
