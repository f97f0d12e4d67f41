"""One command for all: it runs the others as they are, and tells what there is."""

from __future__ import annotations

import json
import logging
import runpy
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest

from lama_deploy.cli import main as umbrella
from lama_deploy.cli.common import command, command_parser, progress_bar
from lama_deploy.cli.verbosity import note
from tests.lama_deploy.cli.test_help import COMMANDS

Run = Callable[..., int]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Runs lama-deploy in an empty folder and returns its exit code."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LAMA_DEPLOY_CACHE", str(tmp_path / "cache"))

    def run(*arguments: object) -> int:
        monkeypatch.setattr(sys, "argv", ["lama-deploy", *map(str, arguments)])
        return umbrella.main()

    return run


def test_every_command_is_under_it() -> None:
    modules = {module for name, module in COMMANDS.items() if name != "lama-deploy"}
    assert {one.module for one in umbrella.COMMANDS.values()} == modules
    shown = umbrella.parser().format_help()
    for name, one in umbrella.COMMANDS.items():
        assert f"  {name} " in shown and one.told in shown and one.told.endswith(".")
        assert callable(import_module(one.module).main)


def test_arguments_and_exit_codes_go_through(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run("-q", "verify", "--version")
    assert capsys.readouterr().out.startswith("lama-verify ")
    assert run("inpaint", "none.png", "none.png", "-o", "out.png") == 2
    assert capsys.readouterr().err == "error: none.png: no such file or folder\n"
    assert run("-v", "inpaint", "none.png", "none.png", "-o", "out.png") == 2
    assert "Traceback" in capsys.readouterr().err


def test_what_is_no_command(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("inpant") == 2
    captured = capsys.readouterr()
    assert captured.err.startswith("error: 'inpant' is no command; allowed: export, inpaint, ")
    assert captured.err.endswith("did you mean inpaint?\n") and captured.err.count("\n") == 1


def test_a_module_too(run: Run, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["lama_deploy"])
    with pytest.raises(SystemExit) as ended:
        runpy.run_module("lama_deploy", run_name="__main__")
    assert not ended.value.code and "Commands:\n  export " in capsys.readouterr().out


@pytest.mark.parametrize("name", [name for name in COMMANDS if name not in ("lama-deploy cache", "lama-deploy list")])
def test_errors_of_arguments_are_one_line(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", [name, "--no-such-option"])
    with pytest.raises(SystemExit) as ended:
        import_module(COMMANDS[name]).main()
    error = capsys.readouterr().err
    assert ended.value.code == 2 and error.startswith("error: ") and error.count("\n") == 1
    assert error.endswith(f"; {name} --help tells what it takes\n")


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ([], ["note: seldom", "error: wrong"]),
        (["-q"], ["error: wrong"]),
        (["-v"], ["lama_deploy.x: often", "note: seldom", "error: wrong"]),
    ],
)
def test_verbosity(
    option: list[str], said: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    @command("torch")
    def main() -> int:
        command_parser("x", "").parse_args()
        logging.getLogger("lama_deploy.x").info("often")
        note("seldom")
        bar = progress_bar("bar")
        assert list(bar([1, 2])) == [1, 2] and list(bar.named("other")([3])) == [3]
        raise umbrella.LamaDeployError("wrong")

    monkeypatch.setattr(sys, "argv", ["x", *option])
    level = logging.getLogger("lama_deploy").level
    for _ in range(2):  # the first leaves nothing behind
        assert main() == 2
        lines = capsys.readouterr().err.splitlines()
        assert [line for line in lines if line.startswith(("note", "error", "lama_deploy.x"))] == said
        assert ("Traceback (most recent call last):" in lines) == (option == ["-v"])
        assert logging.getLogger("lama_deploy").level == level


def test_info(run: Run, bundles, tiny, capsys, monkeypatch, tmp_path: Path) -> None:
    assert run("info", bundles["uint8"], "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["kind"], facts["target"], facts["precision"], facts["variant"]) == ("bundle", "onnx", "fp32", None)
    assert facts["bytes"] == (bundles["uint8"] / "model.onnx").stat().st_size and facts["proof"]["passed"]
    parameters = sum(v.size for k, v in tiny.state_dict.items() if "running" not in k and "num_batches" not in k)
    assert facts["parameters"] == parameters and facts["weights"]["sha256"] == tiny.sha256
    assert run("info", bundles["uint8"] / "model.onnx") == 0
    shown = capsys.readouterr().out
    assert "ffc, 1 blocks of 64 channels" in shown and "passed in " in shown and f"{parameters:,} parameters" in shown
    assert run("info", tiny.path) == 0
    assert tiny.sha256 in capsys.readouterr().out
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    monkeypatch.setattr("lama_deploy.checkpoints.weights._download", lambda *_: pytest.fail("downloads"))
    other = tmp_path / "torch" / "hub" / "checkpoints" / "big-lama.pt"
    other.parent.mkdir(parents=True)
    for make in (lambda: None, other.touch):  # nowhere, or only as another file of its name
        make()
        assert run("info", "big-lama") == 2
        assert "is not on this machine; lama-export --weights big-lama downloads it" in capsys.readouterr().err
    (tmp_path / "alone.onnx").touch()
    assert run("info", "alone.onnx") == 2
    assert "no bundle.json beside it" in capsys.readouterr().err


def test_info_believes_no_proof_of_another_shape(bundles) -> None:
    from lama_deploy.reports.about import _proof, _proof_text

    for parity in ({}, {"cases": 3, "passed": 1, "reference": 2}, {"cases": [[]], "passed": True, "reference": ""}):
        assert not _proof(parity)["passed"] and "lama-verify makes a new one" in _proof_text(_proof(parity))


def test_list(run: Run, bundles, tmp_path: Path, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TORCH_HOME", str(tmp_path / "torch"))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "bundle.json").write_text("{")
    (tmp_path / "bundles").symlink_to(bundles["uint8"].parent)
    assert run("list", "--json", ".", bundles["uint8"].parent, bundles["uint8"]) == 0
    captured = capsys.readouterr()
    facts = json.loads(captured.out)
    assert [one["path"] for one in facts["bundles"]] == [str(bundles["float"]), str(bundles["uint8"])]
    assert {one["name"]: one["path"] is not None for one in facts["names"]} == {"lama-demo": True, "big-lama": False}
    assert captured.err.startswith("note: broken/bundle.json: ") and captured.err.count("\n") == 1
    assert run("list") == 0
    assert "big-lama" in capsys.readouterr().out
    assert run("list", "nowhere") == 2


def cached(folder: Path) -> None:
    for name in (
        "big-lama.pt",
        "notes.txt",
        "kernels/0123456789abcdef/liblama_spectral.so",
        "kernels/fedcba9876543210/liblama_spectral.so",
        "kernels/fedcba9876543210/notes.txt",
        "kernels/mine/lib.so",
        "my-big-lama.pt",
        "big-lama.pt.old",
        "mine/big-lama.pt",
    ):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"x" * 100_000)
    (folder / "openvino").mkdir()
    (folder / "openvino" / f"lama-{'0' * 32}").symlink_to(folder / "mine")


def test_cache_clears_only_what_is_known_to_be_its_own(
    run: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("cache", "--clear", "all") == 0  # of a folder that is not there
    cached(tmp_path / "cache")
    capsys.readouterr()
    assert run("cache", "--json") == 0
    kinds = json.loads(capsys.readouterr().out)["kinds"]
    assert {name: kind["bytes"] for name, kind in kinds.items() if kind["entries"]} == {
        "weights": 100_000,
        "kernels": 200_000,
        "openvino": 0,
    }
    assert run("cache", "--clear", "kernels") == 0
    captured = capsys.readouterr()
    assert captured.out == f"freed 0.2 MB in {tmp_path / 'cache'}: kernels\n"
    assert captured.err.endswith("fedcba9876543210 holds files that lama-deploy did not write; they stay\n")
    assert captured.err.count("\n") == 1
    assert not (tmp_path / "cache" / "kernels" / "0123456789abcdef").exists()
    assert (tmp_path / "cache" / "big-lama.pt").exists()
    assert run("cache", "--clear", "all") == 0
    left = sorted(
        str(path.relative_to(tmp_path / "cache")) for path in (tmp_path / "cache").rglob("*") if path.is_file()
    )
    assert left == [
        "big-lama.pt.old",
        "kernels/fedcba9876543210/notes.txt",
        "kernels/mine/lib.so",
        "mine/big-lama.pt",
        "my-big-lama.pt",
        "notes.txt",
    ]


def test_completion(run: Run, capsys: pytest.CaptureFixture[str]) -> None:
    pytest.importorskip("shtab", reason="shtab is not installed")
    for shell in ("bash", "zsh"):
        assert run("completion", shell) == 0
        script = capsys.readouterr().out
        assert "build-kernels" in script and "--overwrite" in script
    assert run("completion", "bash", "lama-inpaint") == 0
    script = capsys.readouterr().out
    assert "--skip-existing" in script and "_output_COMPGEN=_shtab_compgen_files" in script
