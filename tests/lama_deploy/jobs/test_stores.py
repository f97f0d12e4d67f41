"""Folders in stores: stand-ins list them, workers fetch and put, people read URIs. pyarrow reads file:// too."""

import json
from functools import partial
from pathlib import Path

import pytest

from lama_deploy import Inpainter
from lama_deploy.cli.inpaint import main
from lama_deploy.errors import LamaDeployError
from lama_deploy.images.pairs import find_jobs
from lama_deploy.jobs.picture import PictureOptions
from lama_deploy.jobs.ray import Order, Worker
from lama_deploy.jobs.stores import is_in_store, standing_in
from tests.lama_deploy.cli.inpaint_files import IMAGES, MASKS, files, save

pytest.importorskip("pyarrow")


@pytest.fixture
def store(tmp_path, monkeypatch) -> str:
    """The URI of a store with three pictures, of which one is broken."""
    monkeypatch.chdir(tmp_path)
    for index in range(3):
        save(f"store/images/sub/{index}.png", IMAGES[index])
        save(f"store/masks/{index}.png", MASKS[index] * 255)
    Path("store/images/sub/1.png").write_bytes(b"broken")
    return (tmp_path / "store").as_uri()


def test_what_is_in_a_store():
    assert is_in_store(Path("s3://bucket/photos")) and is_in_store(Path("gs://b"))
    assert not any(map(is_in_store, map(Path, ("photos", "/photos", "a:b", "c:/photos"))))


def test_a_worker_fetches_and_puts(store, bundles):
    load = partial(Inpainter.load, bundles["uint8"], threads=1)
    with standing_in() as stores:
        images, masks = (stores.add(Path(f"{store}/{name}")) for name in ("images", "masks"))
        output = stores.add(Path(f"{store}/out"), is_output=True)
        jobs = find_jobs(images, masks, output).jobs
        assert [stores.told(str(job.output)) for job in jobs] == [f"{store}/out/sub/{index}.png" for index in range(3)]
        Path("store/masks/2.png").unlink()  # after it was listed
        rows = [json.dumps([str(job.image), str(job.mask), str(job.output)]) for job in jobs]
        told = Worker(Order(load=load, options=PictureOptions(), stores=stores))({"job": rows})
        errors = [json.loads(text)[0] for text in told["ended"]]
        assert errors[0] is None and stores.told(errors[1]).startswith(f"{store}/images/sub/1.png: not a picture")
        assert stores.told(errors[2]).startswith(f"{store}/images/sub/2.png: cannot be fetched (")
        assert files("store/out") == ["sub/0.png"]
        local = Inpainter.load(bundles["uint8"], threads=1)("store/images/sub/0.png", "store/masks/0.png")
        local.save("wanted.png", compress_level=2)
        assert Path("wanted.png").read_bytes() == Path("store/out/sub/0.png").read_bytes()


def test_what_is_not_there_or_cannot_be_listed(store):
    with standing_in() as stores:
        for uri, reason in ((f"{store}/none", "nothing there"), ("nosuch://x/y", "cannot be listed")):
            with pytest.raises(LamaDeployError, match=f"{uri}: {reason}"):
                stores.add(Path(uri))


REFUSED = {
    "without ray": ([], "an object store is read with --ray"),
    "with a list": (["--ray", "--resume"], "--resume keeps its list in a folder of files"),
    "what is there": (["--ray"], "/out/sub/0.png: exists already and would be replaced"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(store, monkeypatch, capsys, case):
    arguments, message = REFUSED[case]
    save("store/out/sub/0.png", IMAGES[0])
    command = ["lama-inpaint", f"{store}/images", f"{store}/masks", "-o", f"{store}/out", *arguments]
    monkeypatch.setattr("sys.argv", command)
    assert main() == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and message in error and "lama-" not in error.replace("lama-inpaint", "")
