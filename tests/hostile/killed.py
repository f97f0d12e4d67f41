"""What is killed: `python -m tests.hostile.killed KIND [once]`, writing into the current folder again and again.

It says "ready" on its first round, so that whoever kills it knows that it is in the midst of it. `once`: the next run
after a kill, one round of the same.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from itertools import count
from pathlib import Path
from types import SimpleNamespace
from typing import Any

from lama_deploy.cli.common import command

Round = Callable[[int], None]


def write() -> Round:
    """A file that is replaced, and the file that a link names."""
    from lama_deploy.disk import write_whole

    def once(number: int) -> None:
        write_whole("file", f"{number:08d}" * 20_000)
        write_whole("link", f"{number:08d}" * 20_000)

    return once


def swap() -> Round:
    """A bundle that takes the place of another one, in a folder that holds notes of a person too."""
    from lama_deploy.bundle import MANIFEST
    from lama_export.place import new_bundle

    weights: Any = SimpleNamespace(path=Path("weights.ckpt"))

    def once(number: int) -> None:
        with new_bundle("out", weights, overwrite=True) as building:
            (building / "model.onnx").write_text(f"{number:08d}" * 20_000)
            manifest = {"format": 1, "generator": {"width": 8}, "files": {"model.onnx": {}}, "number": number}
            (building / MANIFEST).write_text(json.dumps(manifest))

    return once


def inpaint() -> Round:
    """The pictures of a folder, by a model that paints the number of the round into the hole."""
    from lama_deploy.images.pairs import find_jobs
    from lama_deploy.jobs import folder
    from lama_deploy.runtime.strategies.options import StrategyOptions

    jobs = find_jobs(Path("in"), None, Path("out")).jobs

    def once(number: int) -> None:
        def run_many(pictures: Any, chosen: Any) -> Any:
            return [pixels * (1 - hole[..., None]) + hole[..., None] * (number % 256) for pixels, hole in pictures]

        inpainter: Any = SimpleNamespace(workers=2, run_many=run_many, strategy=StrategyOptions())
        if folder.run_all(inpainter, jobs):
            raise AssertionError("a picture failed")

    return once


KINDS: dict[str, Callable[[], Round]] = {"write": write, "swap": swap, "inpaint": inpaint}


@command("torch")
def main() -> int:
    once = KINDS[sys.argv[1]]()
    if sys.argv[2:] == ["once"]:
        once(0)
        return 0
    once(1)
    print("ready", flush=True)
    for number in count(2):
        once(number)
    return 0


if __name__ == "__main__":
    sys.exit(main())
