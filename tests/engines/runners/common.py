"""What every runner does: `RUNNER [ARGUMENT] MODEL CASES OUT NAME ...`.

CASES holds a folder for each case, with image.npy and mask.npy as the file takes them. The file is loaded once and runs
the named cases one after the other; what becomes of each lies in OUT as NAME.npy, or as NAME.txt with the engine's own
words. OUT/versions.json has the versions of what ran. Runs in the engine's environment, so imports nothing of ours.
"""

import json
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np


def serve(load, *packages):
    """load: of a model's path and the arguments that come before it, to a function of image and mask -> result."""
    *arguments, model, cases, out = sys.argv[1 : sys.argv.index("--")]
    names = sys.argv[sys.argv.index("--") + 1 :]
    cases, out = Path(cases), Path(out)
    (out / "versions.json").write_text(json.dumps({name: version(name) for name in packages}))
    try:
        run = load(model, *arguments)
    except Exception as error:
        for name in names:
            write_error(out, name, error)
        return
    for name in names:
        image, mask = (np.load(cases / name / f"{value}.npy") for value in ("image", "mask"))
        try:
            result = np.asarray(run(image, mask))
            np.save(out / "writing.npy", np.ascontiguousarray(result))
            (out / "writing.npy").rename(out / f"{name}.npy")
        except Exception as error:
            write_error(out, name, error)


def write_error(out, name, error):
    """All of it; who reads it picks a line."""
    (out / f"{name}.txt").write_text(f"{type(error).__name__}: {error}")
