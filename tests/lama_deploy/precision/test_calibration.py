"""Calibration photographs of a user: what cannot be read is left out before anything is measured."""

import logging

import numpy as np
import pytest
from PIL import Image

from lama_deploy.errors import DataError
from lama_deploy.precision.calibration import CalibrationSet


@pytest.fixture
def folder(tmp_path):
    for index in range(3):
        Image.new("RGB", (40, 30), (index, 0, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "1.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n")
    return tmp_path


def test_a_bad_photograph_is_left_out_and_named(folder, caplog):
    with caplog.at_level(logging.WARNING):
        calibration = CalibrationSet(folder, extremes=False)
    assert len(calibration) == 2 and calibration.describe()["images"] == 2
    assert [int(pixels[0, 0, 0]) for pixels, _ in calibration] == [0, 2]
    assert [record.getMessage().partition("1.png: ")[2][:13] for record in caplog.records] == ["not a picture"]


def test_a_folder_of_bad_photographs(folder):
    for index in (0, 2):
        (folder / f"{index}.png").write_bytes(b"")
    with pytest.raises(DataError, match="none of its photographs can be read"):
        CalibrationSet(folder)


def test_the_shipped_ones():
    calibration = CalibrationSet()
    assert len(calibration) == 9
    assert all(np.asarray(pixels).shape == (*hole.shape, 3) for pixels, hole in (calibration[0], calibration[8]))


def test_a_folder_that_is_not_there_is_named_with_its_option(tmp_path):
    with pytest.raises(DataError, match="no such folder; --calibration takes one with photographs"):
        CalibrationSet(tmp_path / "nowhere")
