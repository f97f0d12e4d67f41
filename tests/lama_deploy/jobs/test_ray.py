"""A folder on Ray: the same results, report and list as here, also where a worker dies. A cluster takes long."""

import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from importlib.util import find_spec
from pathlib import Path

import pytest

from lama_deploy import Inpainter
from lama_deploy.cli.inpaint import main
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.pairs import Job, find_jobs
from lama_deploy.jobs.folder import run_all
from lama_deploy.jobs.manifest import NAME, PARTS, opened_manifest
from lama_deploy.jobs.picture import PictureOptions
from lama_deploy.jobs.ray import Order, RayOptions, Worker, run_all_on_ray
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS, save

COUNT = 40
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="Ray is not installed")  # nor imported before its time


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    """The eighth is broken."""
    monkeypatch.chdir(tmp_path)
    for index in range(COUNT):
        save(f"images/{index:02d}.png", IMAGES[index % 3])
        save(f"masks/{index:02d}.png", MASKS[index % 3] * 255)
    Path("images/07.png").write_bytes(b"broken")
    return find_jobs(Path("images"), Path("masks"), Path("out")).jobs


@pytest.fixture
def load(bundles) -> Callable[[], Inpainter]:
    return partial(Inpainter.load, bundles["uint8"], threads=1)


def rows_of(jobs: list[Job]) -> dict[str, list[str]]:
    return {"job": [json.dumps([str(job.image), str(job.mask), str(job.output)]) for job in jobs]}


def lines() -> list[str]:
    """The results that the list and its parts name."""
    parts = [Path("out") / NAME, *Path("out").glob(PARTS)]
    return [json.loads(line)["result"] for part in parts for line in part.read_text().splitlines() if line]


def results(folder: str = "out") -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in Path(folder).glob("*.png")}


def test_a_worker_tells_how_each_ended(jobs, load, capsys):
    some = jobs[5:9]
    told = Worker(Order(load=load, options=PictureOptions()))(rows_of(some))
    errors = [json.loads(text)[0] for text in told["ended"]]
    assert [error is None for error in errors] == [True, True, False, True]
    assert errors[2].startswith("images/07.png: not a picture")
    assert told["job"] == rows_of(some)["job"] and len(told["notes"]) == 4
    assert sorted(results()) == ["05.png", "06.png", "08.png"]


def test_a_worker_goes_on_where_another_died(jobs, load, monkeypatch):
    """What has its line is told, and not done again."""
    order = Order(load=load, options=PictureOptions(), listed=(Path("out").absolute(), "key"))
    some = [Job(*(path.absolute() for path in (job.image, job.mask, job.output))) for job in jobs[:4]]
    with opened_manifest(Path("out"), "key") as manifest:
        assert manifest.left(some) == some
        first, second = Worker(order), Worker(order)
        first(rows_of(some[:2]))
        done: list[Job] = []
        monkeypatch.setattr("lama_deploy.jobs.ray.run_all", lambda _, left, *args, **options: done.extend(left))
        assert len(second(rows_of(some))["ended"]) == 4
        assert done == some[2:] and sorted(lines()) == ["00.png", "01.png"]
    with opened_manifest(Path("out"), "key") as manifest:  # which gathers the parts
        assert manifest.left(some) == some[2:] and not list(Path("out").glob(PARTS))


def test_options_without_ray_are_refused(monkeypatch, capsys):
    for arguments, message in (
        (["a.png", "m.png", "-o", "r.png", "--workers", "2"], "--workers is for --ray"),
        (["-", "m.png", "-o", "r.png", "--ray"], "--ray takes no standard input"),
    ):
        monkeypatch.setattr(sys, "argv", ["lama-inpaint", *arguments])
        assert main() == 2 and f"error: {message}" in capsys.readouterr().err


def test_without_ray_the_command_says_how_to_install_it(jobs, bundles, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    command = ["lama-inpaint", "images", "masks", "-o", "out", "--model", str(bundles["uint8"]), "--ray"]
    monkeypatch.setattr(sys, "argv", command)
    assert main() == 2 and "error: --ray needs ray, which is not installed: pip install" in capsys.readouterr().err


@needs_ray
@pytest.mark.slow
def test_a_worker_that_is_killed_costs_nothing(jobs, load, bundles, monkeypatch, capsys):
    """Of two on a local Ray: nothing lost, nothing twice, the same bytes as here."""
    assert run_all(load(), jobs) == 1
    here = results()
    capsys.readouterr()
    for path in Path("out").iterdir():
        path.unlink()
    killing = threading.Thread(target=kill_one_at_work, daemon=True)
    killing.start()
    command = ["images", "masks", "-o", "out", "--resume", "--report", "r.json", "--model", str(bundles["uint8"])]
    monkeypatch.setattr(sys, "argv", ["lama-inpaint", *command, "--ray", "--workers", "2"])
    assert main() == 3
    killing.join(1)
    assert not killing.is_alive()
    captured = capsys.readouterr()
    assert captured.out == f"{COUNT - 1} of {COUNT} written to out\n"
    (error,) = (line for line in captured.err.splitlines() if line.startswith("error: "))
    assert "images/07.png: not a picture" in error
    assert results() == here and sorted(lines()) == sorted(here)
    pictures = json.loads(Path("r.json").read_text())["pictures"]
    assert [one["state"] for one in pictures] == ["written"] * 7 + ["failed"] + ["written"] * (COUNT - 8)
    assert main() == 3  # the broken one is tried again, and nothing else
    assert f"0 of 1 written to out, {COUNT - 1} were there already" in capsys.readouterr().out


def kill_one_at_work() -> None:
    """A process of Ray's that has told nothing yet, once some results are there."""
    deadline = time.monotonic() + 500
    while time.monotonic() < deadline:
        parts = [part for part in Path("out").glob(PARTS) if part.stat().st_size]
        if parts:
            for process in Path("/proc").iterdir():
                if process.name.isdigit() and any(part in open_files(process) for part in map(Path.absolute, parts)):
                    os.kill(int(process.name), signal.SIGKILL)
                    return
        time.sleep(0.002)


def open_files(process: Path) -> set[Path]:
    try:
        return {Path(os.readlink(one)) for one in (process / "fd").iterdir()}  # noqa: PTH115
    except OSError:
        return set()


@needs_ray
@pytest.mark.slow
def test_a_cluster_that_is_not_there_is_one_line(jobs, load):
    with pytest.raises(LamaDeployError, match="no cluster there"):
        run_all_on_ray(Order(load=load, options=PictureOptions()), jobs, RayOptions(address="127.0.0.1:1"))
