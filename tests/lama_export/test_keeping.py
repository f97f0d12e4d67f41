"""--keep-failed keeps what an export had made, in a shape that nothing takes for a bundle."""

from __future__ import annotations

from pathlib import Path

import pytest

from lama_deploy.bundle import is_bundle
from lama_deploy.errors import ConfigError, ParityError
from lama_export.keeping import NO_MANIFEST, REASON, kept_if_failed


def fail(made: Path, kept: Path | None, error: BaseException) -> None:
    with kept_if_failed(made, kept):
        (made / "model.engine").write_text("an hour's work")
        (made / "bundle.json").write_text("{}")
        raise error


@pytest.fixture
def made(tmp_path: Path) -> Path:
    (tmp_path / "made").mkdir()
    return tmp_path / "made"


@pytest.mark.parametrize("error", [ParityError("off by\n0.9"), KeyboardInterrupt(), MemoryError()])
def test_everything_is_kept_with_the_reason(error: BaseException, made: Path, tmp_path: Path) -> None:
    kept = tmp_path / "looked" / "at"
    with pytest.raises(type(error)):
        fail(made, kept, error)
    assert {path.name for path in kept.iterdir()} == {"model.engine", NO_MANIFEST, REASON}
    assert not is_bundle(kept) and (kept / "model.engine").read_text() == "an hour's work"
    expected = "off by\\n0.9\n" if isinstance(error, ParityError) else f"{type(error).__name__}\n"
    assert (kept / REASON).read_text() == expected


def test_nothing_is_kept_unasked_nor_of_a_success(made: Path, tmp_path: Path) -> None:
    with pytest.raises(ParityError):
        fail(made, None, ParityError("off"))
    with kept_if_failed(made, tmp_path / "kept"):
        pass
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_with_something_in_it_is_refused_first(made: Path, tmp_path: Path) -> None:
    for name in ("full", "file"):
        kept = tmp_path / name
        kept.write_text("mine") if name == "file" else (kept.mkdir(), (kept / "mine").touch())
        with pytest.raises(ConfigError, match="is there already; name a folder that is new or empty"):
            fail(made, kept, AssertionError("the work began"))
        assert not any(made.iterdir())


def test_a_place_that_cannot_be_written_is_a_warning(
    made: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ParityError, match="off"):
        fail(made, tmp_path / "file" / "kept", ParityError("off"))
    assert "cannot keep what failed" in caplog.text
