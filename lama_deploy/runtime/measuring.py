"""What memory a model takes on this machine: measured once, in a process of its own, and kept in the user's cache."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, fields
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Any

import lama_deploy
from lama_deploy.bundle import MEMORY_SHAPE
from lama_deploy.cache import kept_in_cache
from lama_deploy.disk import appears_whole, sha256_of
from lama_deploy.errors import LamaDeployError, brief
from lama_deploy.json_shape import misshapen
from lama_deploy.runtime.backend import Memory, Recipe
from lama_deploy.runtime.conditions import conditions
from lama_deploy.runtime.memory_fit import Run, fitted
from lama_deploy.shapes import Shape

log = logging.getLogger(__name__)
VERSION = 2  # of what is run and how it is fitted; another number, another file
CHILD = "lama_deploy.runtime.measuring_child"
# In growing order, since engines keep what they took: small ones tell the fixed part, batches what each picture adds,
# and a large one what ONNX Runtime's arena takes once maps are larger than what is left over in it.
SHAPES: Sequence[Shape] = ((1, 208, 264), (8, 88, 144), (1, 312, 344), (3, 384, 448), (1, 880, 1136))
FIXABLE = ("openvino",)  # backends
FIXED_SHAPES: Sequence[Shape] = ((1, 512, 768),)  # of a backend that is fixed to them
LARGEST: Shape = SHAPES[-1]
LONGEST = 180  # seconds
_asking = Lock()


def measured(recipe: Recipe) -> Memory | None:
    """By the record of the bundle where that was made under the same conditions, else by the cache, else by a run.

    None where that fails, which is logged once. One thread measures, the others wait for it.
    """
    with _asking:
        return _measured(_text(recipe))


@cache
def _measured(text: str) -> Memory | None:
    """text: of a recipe; a process asks for each once."""
    recipe = Recipe(**json.loads(text))
    if recipe.recorded.get("conditions") == conditions(recipe):
        return memory_of(recipe.recorded)
    file = kept_in_cache("memory", f"{_key(recipe)}.json")
    found = _read(file)
    if found is None:
        try:
            log.warning("measuring what memory this model takes on this machine, once, for up to %d seconds", LONGEST)
            found = measure(recipe)
        except LamaDeployError as error:
            log.warning("what memory this model takes could not be measured (%s); it is estimated", brief(error))
            return None
        _write(file, found)
    return memory_of(found)


def measure(recipe: Recipe) -> dict[str, Any]:
    """The record: conditions, what it comes to, and each run. Raises LamaDeployError where a run fails."""
    runs = _runs(recipe, SHAPES, False)
    if recipe.options.get("backend") in FIXABLE:  # in a process of their own: what others took would count
        runs += _runs(recipe, FIXED_SHAPES, True)
    record = {"conditions": conditions(recipe), "memory": asdict(fitted(runs)), "runs": [asdict(run) for run in runs]}
    return dict(json.loads(json.dumps(record)))  # as it is read again


def memory_of(record: Mapping[str, Any]) -> Memory | None:
    """Of what `measure` recorded; None of anything else."""
    if misshapen(record, MEMORY_SHAPE):
        return None
    values: dict[str, Any] = {name.name: record["memory"][name.name] for name in fields(Memory)}
    if any(value is not None and value < 0 for value in values.values()):
        return None
    return Memory(**{**values, "fixed": int(values["fixed"])})


def _runs(recipe: Recipe, shapes: Sequence[Shape], fixed: bool) -> list[Run]:
    asked: dict[str, Any] = {"source": recipe.source, "options": recipe.options, "told": recipe.told}
    asked |= {"shapes": shapes, "fixed": fixed}
    if not sys.executable or not Path("/proc/self/status").exists():
        raise LamaDeployError("this system does not tell what a process takes")
    command = [sys.executable, "-m", CHILD]
    try:
        done = subprocess.run(
            command, input=json.dumps(asked), capture_output=True, text=True, timeout=LONGEST, env=_environment()
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise LamaDeployError(brief(error)) from error
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"it ended by {done.returncode}"]
        raise LamaDeployError(brief(said[-1]))
    return [_run(line, fixed) for line in done.stdout.splitlines() if line.startswith("{")]


def _run(line: str, fixed: bool) -> Run:
    values = json.loads(line)
    n, h, w = values["shape"]
    return Run((n, h, w), int(values["bytes"]), fixed)


def _environment() -> dict[str, str]:
    """Where this package is found again, however this process found it."""
    root = str(Path(lama_deploy.__file__).resolve().parents[1])
    others = os.environ.get("PYTHONPATH")
    return {**os.environ, "PYTHONPATH": os.pathsep.join([root, *([others] if others else [])])}


def _key(recipe: Recipe) -> str:
    content = recipe.sha256 or _content(Path(recipe.source))
    text = json.dumps([VERSION, lama_deploy.__version__, content, conditions(recipe)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()


def _content(file: Path) -> str:
    """Of what is opened, and of the weights beside it; nothing of what cannot be read, which will not open either."""
    with suppress(OSError):
        return "".join(sha256_of(one) for one in sorted(file.parent.glob(f"{file.stem}.*")) if one.is_file())
    return ""


def _text(recipe: Recipe) -> str:
    return json.dumps(asdict(recipe), sort_keys=True)


def _read(file: Path | None) -> dict[str, Any] | None:
    """None for a file that is not there or not what `_write` writes."""
    if file is None:
        return None
    try:
        record: dict[str, Any] = json.loads(file.read_text())
    except (OSError, ValueError, RecursionError):
        return None
    return None if memory_of(record) is None else record


def _write(file: Path | None, record: Mapping[str, Any]) -> None:
    """A cache that cannot be written costs time, not results."""
    if file is None:
        return
    with suppress(OSError):
        file.parent.mkdir(parents=True, exist_ok=True)
        with appears_whole(file) as stream:
            stream.write(json.dumps(record, indent=1).encode())
