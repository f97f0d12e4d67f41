"""The list of what is done: what has changed is done again, what was cut off by a kill is passed over."""

import os
from pathlib import Path

import pytest

from lama_deploy.errors import LamaDeployError
from lama_deploy.images.pairs import Job
from lama_deploy.jobs.manifest import NAME, key_of, model_identity, opened_manifest
from lama_deploy.runtime.opening import BY_SUFFIX


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Job]:
    monkeypatch.chdir(tmp_path)
    for name in ("a", "b"):
        Path(f"{name}.png").write_text("image")
        Path(f"{name}_mask.png").write_text("mask")
    return [Job(Path(f"{name}.png"), Path(f"{name}_mask.png"), Path(f"out/sub/{name}.png")) for name in ("a", "b")]


def done(job: Job, key: str = "key") -> None:
    """As a call does it: the line, then the file."""
    with opened_manifest(Path("out"), key) as manifest:
        assert job in manifest.left([job])
        job.output.parent.mkdir(exist_ok=True)
        Path("new").write_text("result")
        manifest.appended(job, Path("new").stat())
        Path("new").rename(job.output)


def left(jobs: list[Job], key: str = "key") -> list[Job]:
    with opened_manifest(Path("out"), key) as manifest:
        return manifest.left(jobs)


def test_what_is_done_is_left_out(jobs):
    assert left(jobs) == jobs
    done(jobs[0])
    assert left(jobs) == jobs[1:]
    Path("out").rename("moved")
    Path("moved").rename("out")
    assert left(jobs) == jobs[1:]


CHANGES = {
    "image": lambda job: job.image.write_text("another"),
    "mask": lambda job: os.utime(job.mask, ns=(1, 1)),
    "result gone": lambda job: job.output.unlink(),
    "result of others": lambda job: job.output.write_text("theirs"),
    "no file yet": lambda job: (job.output.unlink(), job.output.mkdir()),
}


@pytest.mark.parametrize("change", CHANGES)
def test_what_has_changed_is_done_again(jobs, change):
    done(jobs[0])
    CHANGES[change](jobs[0])
    assert left(jobs) == jobs
    with opened_manifest(Path("out"), "key") as manifest:
        assert manifest.is_ours(jobs[0]) == (change in ("image", "mask"))


def test_other_options_do_all_again_and_the_last_line_counts(jobs):
    done(jobs[0])
    assert left(jobs, "other") == jobs
    done(jobs[0], "other")
    assert left(jobs, "other") == jobs[1:] and left(jobs) == jobs


@pytest.mark.parametrize(
    "torn", [b'{"result": "sub/b.p', b"\xff\n", b"[1]\n", b'"x"\n', b'{"result": "sub/a.png"', b"[" * 9999]
)
def test_what_is_no_line_is_passed_over(jobs, torn):
    done(jobs[0])
    with (Path("out") / NAME).open("ab") as stream:
        stream.write(torn)
    done(jobs[1])
    assert left(jobs) == []


def test_two_calls_at_once_are_refused(jobs):
    with (
        opened_manifest(Path("out"), "key"),
        pytest.raises(LamaDeployError, match="out: another lama-inpaint --resume is at work"),
        opened_manifest(Path("out"), "key"),
    ):
        pass


def test_a_link_in_place_of_the_list_is_refused(jobs):
    Path("out").mkdir()
    Path("victim").write_text("mine")
    (Path("out") / NAME).symlink_to(Path("victim").absolute())
    with pytest.raises(LamaDeployError, match="cannot be used"), opened_manifest(Path("out"), "key"):
        pass
    assert Path("victim").read_text() == "mine"


def test_keys_tell_options_and_models_apart(bundles, tiny):
    models = {model_identity(str(source)) for source in (bundles["uint8"], bundles["float"], tiny.path, "lama-demo")}
    models.add(model_identity(str(bundles["uint8"] / "model.onnx")))
    assert len(models) == 5
    assert key_of({"a": 1}, "m") == key_of({"a": 1}, "m") != key_of({"a": 2}, "m") != key_of({"a": 2}, "n")
    with pytest.raises(LamaDeployError, match="known names"):
        model_identity("none")


@pytest.mark.parametrize("suffix", list(BY_SUFFIX))
def test_a_model_file_of_any_engine_has_an_identity_with_its_weights(tmp_path, suffix):
    model = tmp_path / f"model{suffix}"
    model.write_bytes(b"layers")
    alone = model_identity(str(model))
    model.with_suffix(".bin").write_bytes(b"weights")
    assert alone != model_identity(str(model))
