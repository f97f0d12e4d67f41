"""What a record says of the machine, where tools are missing too."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

import lama_deploy
from lama_deploy.native.gpus import Gpu
from lama_deploy.reports import machine as module
from lama_deploy.reports.machine import machine, nvidia_gpus, package_version


def test_packages_that_are_not_installed_are_left_out() -> None:
    found = machine(("numpy", "no-such-package"))
    assert list(found["versions"]) == ["numpy"] and found["cores"] >= 1 and found["cpu"]


def test_gpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "gpus", lambda: [Gpu("NVIDIA L4", "8.9", "580.1", "23034 MiB")])
    assert nvidia_gpus() == [{"name": "NVIDIA L4", "driver": "580.1", "memory": "23034 MiB"}]


def test_version_without_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert package_version().startswith(lama_deploy.__version__)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert package_version() == lama_deploy.__version__


def test_share_of_other_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two processors in ten seconds, of which others had four."""
    clock, others = iter([100.0, 110.0]), iter([7.0, 11.0])
    monkeypatch.setattr(module, "time", SimpleNamespace(perf_counter=lambda: next(clock)))
    monkeypatch.setattr(module, "_seconds_of_others", lambda: next(others))
    monkeypatch.setattr(module.os, "cpu_count", lambda: 2)
    assert module.OtherPrograms().share() == 0.2


def test_share_is_unknown_at_first_and_without_linux(monkeypatch: pytest.MonkeyPatch) -> None:
    assert module.OtherPrograms().share() is None
    monkeypatch.setattr(module, "LEAST_SECONDS", 0)
    assert sys.platform != "linux" or 0 <= (module.OtherPrograms().share() or 0) <= 1
    monkeypatch.setattr(module, "_seconds_of_others", lambda: None)
    assert module.OtherPrograms().share() is None
