"""One bad picture costs its line, whatever is wrong with it, and the others go on."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.errors import DeviceMemoryError, ImageError
from lama_deploy.images.files import read_photograph
from lama_deploy.images.pairs import Job, find_jobs
from lama_deploy.jobs.folder import run_all
from lama_deploy.jobs.picture import PictureOptions
from lama_deploy.runtime.backend import Capabilities, Memory

BLACK = 7  # red of the picture that a backend fails at


class Failing:
    """Fails with `error` at pictures whose red is BLACK, inverts the others."""

    name, device = "failing", "cpu"

    def __init__(self, error: BaseException, memory: Memory | None = None) -> None:
        self.error, self.capabilities = error, Capabilities(workers=2, memory=memory)

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        if images[0, 0, 0, 0] == BLACK:
            raise self.error
        return np.where(masks[..., None] > 0, 255 - images, images)


@pytest.fixture
def jobs(tmp_path: Path) -> list[Job]:
    """Four pictures, of which the third is BLACK."""
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for index, red in enumerate((1, 2, BLACK, 4)):
        Image.new("RGB", (8, 6), (red, 50, 60)).save(tmp_path / f"images/{index}.png")
        Image.fromarray(np.eye(6, 8, dtype=np.uint8) * 255).save(tmp_path / f"masks/{index}.png")
    return find_jobs(tmp_path / "images", tmp_path / "masks", tmp_path / "out").jobs


ERRORS = {
    "ours": (ImageError("it is too odd"), "2.png: it is too odd"),
    "memory of the device": (DeviceMemoryError("needs 9 GiB"), "2.png: needs 9 GiB"),
    "memory": (MemoryError(), "2.png: needs more memory than there is; give the process more"),
    "an engine's": (RuntimeError("line\nof an engine" + "x" * 5000), "2.png: failed unexpectedly (RuntimeError: line"),
    "ours, unforeseen": (ZeroDivisionError("division by zero"), "failed unexpectedly (ZeroDivisionError: division by"),
    "of another kind": (NotImplementedError(), "2.png: failed unexpectedly (NotImplementedError"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_an_error_costs_its_picture_alone(jobs, capsys, case):
    error, message = ERRORS[case]
    assert run_all(Inpainter(Failing(error)), jobs) == 1
    captured = capsys.readouterr().err
    assert captured.startswith("error: ") and message in captured and captured.count("\n") == 1
    assert len(captured) < 1000
    assert sorted(path.name for path in jobs[0].output.parent.iterdir()) == ["0.png", "1.png", "3.png"]
    assert (read_photograph(jobs[3].output).rgb[0, :2] == [[251, 205, 195], [4, 50, 60]]).all()


def test_names_that_no_terminal_shows(jobs, capsys, tmp_path):
    name = "a\n\x1b[2J\udcff"
    for folder in ("images", "masks"):
        (tmp_path / folder / "2.png").rename(tmp_path / folder / f"{name}.png")
    odd = find_jobs(tmp_path / "images", tmp_path / "masks", tmp_path / "out").jobs
    assert run_all(Inpainter(Failing(RuntimeError("x"))), odd) == 1
    captured = capsys.readouterr().err
    assert captured.count("\n") == 1 and captured[:-1].isprintable()
    assert run_all(Inpainter(Failing(RuntimeError("x"))), odd, PictureOptions(max_pixels=1)) == 4
    assert (captured := capsys.readouterr().err).count("\n") == 4 and captured.replace("\n", "").isprintable()


def test_what_the_model_has_no_memory_for_is_not_decoded(jobs, capsys, monkeypatch):
    monkeypatch.setattr(Image.Image, "load", lambda self: pytest.fail("decoded"))
    inpainter = Inpainter(Failing(RuntimeError(), Memory(0, 2**60)), "whole")
    assert run_all(inpainter, jobs) == 4
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 4 and "0.png: 8x6 pixels take about" in lines[0] + lines[1] + lines[2] + lines[3]


def test_what_there_was_no_memory_for_is_tried_again_alone(jobs, capsys):
    """At once where it ran with others, else at the end; it is told once."""

    class Full(Failing):
        refused = 0

        def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
            if images[0, 0, 0, 0] == BLACK and not self.refused:
                self.refused += 1
                raise DeviceMemoryError("full")
            return np.where(masks[..., None] > 0, 255 - images, images)

    told: list[tuple[str, str | None]] = []
    backend = Full(RuntimeError())
    assert run_all(Inpainter(backend), jobs, outcome=lambda job, ended: told.append((job.image.name, ended.error))) == 0
    assert backend.refused and capsys.readouterr().err == ""
    assert sorted(told) == [(f"{index}.png", None) for index in range(4)]


def test_a_call_that_is_interrupted_tells_what_is_written(jobs):
    def interrupted(some):
        yield some[0]
        yield some[1]
        raise KeyboardInterrupt

    told: set[str] = set()
    with pytest.raises(KeyboardInterrupt):
        run_all(
            Inpainter(Failing(RuntimeError())),
            jobs,
            progress=interrupted,
            outcome=lambda job, _: told.add(job.image.name),
        )
    there = {path.name for path in jobs[0].output.parent.iterdir()}
    assert {"0.png", "1.png"} <= there == told - {"2.png"}


def test_the_strategy_and_the_times_are_told(jobs):
    told = {}
    run_all(Inpainter(Failing(RuntimeError())), jobs, outcome=lambda job, ended: told.update({job.image.name: ended}))
    assert told["0.png"].how["strategy"] == "whole" and list(told["0.png"].seconds) == ["read", "infer", "write"]
    assert told["2.png"].error and list(told["2.png"].seconds) == ["read", "infer"]
