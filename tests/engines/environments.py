"""Environments of the engines: a venv or an npm folder each, made once and kept."""

from __future__ import annotations

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from tests.engines.table import Engine

RUNNERS = Path(__file__).parent / "runners"
INSTALLING = 1800.0  # seconds
DONE = "installed"  # a file with the fingerprint of the requirements that lie there


class NotInstalledError(Exception):
    """The environment of an engine cannot be made; the message is the installer's own line."""


def is_javascript(engine: Engine) -> bool:
    return engine.runner.endswith(".mjs")


def prepare(engine: Engine, folder: Path) -> list[str]:
    """The command that starts the engine's runner, whose environment is made in `folder` unless it is there already.

    Raises NotInstalledError.
    """
    _install(engine, folder)
    if not is_javascript(engine):
        return [str(_python(folder)), str(RUNNERS / engine.runner), *engine.arguments]
    for script in RUNNERS.glob("*.mjs"):  # imports are looked for from the script's own folder upwards
        shutil.copy(script, folder)
    return ["node", str(folder / engine.runner), *engine.arguments]


def _install(engine: Engine, folder: Path) -> None:
    wanted = hashlib.sha256("\n".join(engine.requirements).encode()).hexdigest()
    done = folder / DONE
    if engine.program and not shutil.which(engine.program):
        raise NotInstalledError(f"{engine.program} is not on this machine")
    if done.exists() and done.read_text() == wanted:
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    if is_javascript(engine):
        (folder / "package.json").write_text('{"private": true}\n')
        # Without its scripts: those of onnxruntime-node fetch libraries for GPUs.
        _call(
            [
                "npm",
                "install",
                "--prefix",
                str(folder),
                "--ignore-scripts",
                "--no-audit",
                "--no-fund",
                *engine.requirements,
            ]
        )
    else:
        _call([sys.executable, "-m", "venv", str(folder)])
        _call([str(_python(folder)), "-m", "pip", "install", "--disable-pip-version-check", *engine.requirements])
    done.write_text(wanted)


def _python(folder: Path) -> Path:
    return folder / "bin" / "python"


def _call(command: list[str]) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=INSTALLING)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise NotInstalledError(str(error)) from error
    if done.returncode:
        said = [line for line in (done.stderr or done.stdout).splitlines() if line.strip()]
        errors = [line for line in said if "error" in line.lower()] or said
        raise NotInstalledError(errors[-1].strip() if errors else f"exit code {done.returncode}")
