"""Kills by every signal and at any moment: what was there or what comes is whole, and nothing of a person is touched.

Of seeds below 24 the last eight kill lama-train and lama-export themselves, which takes ten times as long.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
from PIL import Image

ROOT = Path(__file__).parents[3]
TIME_BOUND = 90.0  # of a training that is killed and resumed while the machine is busy; others end in two
MEMORY_BUDGET = 400 << 20
COUNT = 12
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT, signal.SIGHUP)
QUICK = ("write", "swap", "inpaint")
WHOLE = {16: "train", 20: "export"}  # by the first of four seeds
PATIENCE = 20.0  # seconds until a process that was asked has ended
OF_A_PERSON = {
    "file.partial": "mine",
    ".lama-12345678.partial": "mine",
    f".lama-{'0' * 24}.partial": "mine",
    "out/notes.txt": "mine",
    "out/photos/one.txt": "mine",
    "store/target": "00000000",
}
CONFIG = """
generator: {width: 4, blocks: 1}
discriminator: {width: 4, layers: 2}
losses: {perceptual_weight: 0}
data: {batch_size: 2, crop: 32, augmentation: none, mask_scale: 0.125, workers: 0}
steps: 100000
log_every: 1
save_every: 1
"""


def prepare(folder: Path) -> Path:
    """Pictures with masks."""
    draw = np.random.default_rng(18)
    for index in range(6):
        Image.fromarray(draw.integers(0, 256, (120, 160, 3), dtype=np.uint8)).save(folder / f"{index}.png")
        mask = np.zeros((120, 160), np.uint8)
        mask[20:90, 30:100] = 255
        Image.fromarray(mask).save(folder / f"{index}_mask.png")
    return folder


def case(shared: Path, folder: Path, seed: int) -> None:
    kind = WHOLE.get(seed // 4 * 4) or QUICK[seed % 3]
    number = SIGNALS[seed % 4]
    draw = random.Random(seed)
    _furnish(shared, folder, kind)
    before = _of_a_person(folder)
    code, said = _killed(kind, folder, number, draw)
    assert code == (-number if number == signal.SIGKILL else 128 + number), (code, said)
    assert "Traceback" not in said and "Exception ignored" not in said, said
    if number != signal.SIGKILL:
        assert not _left(folder), _left(folder)
        CHECKS[kind](shared, folder)
    _next_run(kind, folder)
    assert not _left(folder), _left(folder)
    CHECKS[kind](shared, folder)
    assert _of_a_person(folder) == before


def _furnish(shared: Path, folder: Path, kind: str) -> None:
    for name, text in OF_A_PERSON.items():
        if kind == "swap" or not name.startswith("out/"):
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    (folder / "link").symlink_to("store/target")
    if kind in ("inpaint", "train"):
        shutil.copytree(shared, folder / "in")
    (folder / "run.yaml").write_text(CONFIG)
    if kind == "export":
        _save_weights(folder / "weights.safetensors")
        _run_once(_command(kind), folder)


def _save_weights(file: Path) -> None:
    from lama_deploy.checkpoints.checkpoint import save_checkpoint
    from lama_deploy.model import seeded_generator
    from lama_deploy.variants import GeneratorConfig

    config = GeneratorConfig(width=4, blocks=1)
    save_checkpoint(file, config, {k: v.numpy() for k, v in seeded_generator(config).state_dict().items()})


def _command(kind: str) -> list[str]:
    if kind == "train":
        train = ["--config", "run.yaml", "--data", "in", "--accelerator", "cpu", "--out", "run"]
        return ["lama_deploy.cli.train", *train]
    if kind == "export":
        return ["lama_export.cli", "--weights", "weights.safetensors", "--to", "onnx", "--out", "bundle", "--no-memory"]
    return ["tests.hostile.killed", kind]


def _environment() -> Mapping[str, str]:
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{ROOT / 'export'}", "OMP_NUM_THREADS": "1"}


def _killed(kind: str, folder: Path, number: int, draw: random.Random) -> tuple[int, str]:
    """Exit code and stderr of a process that got the signal at some moment after its beginning."""
    command = [sys.executable, "-m", *_command(kind)]
    log = folder / "log"
    with (
        log.open("w") as error,
        subprocess.Popen(command, cwd=folder, env=_environment(), stdout=-1, stderr=error, text=True) as process,
    ):
        try:
            _wait(kind, folder, process)
            time.sleep(draw.uniform(0, {"export": 2.0, "train": 0.5}.get(kind, 0.03)))
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
    said = log.read_text()
    log.unlink()
    return process.returncode, said


def _wait(kind: str, folder: Path, process: subprocess.Popen[str]) -> None:
    """Until it writes."""
    assert process.stdout is not None
    if kind != "export":
        assert process.stdout.readline().startswith(("ready", "step 1"))
        return
    while not _left(folder):
        assert process.poll() is None
        time.sleep(0.01)


def _next_run(kind: str, folder: Path) -> None:
    """What is left by SIGKILL is gone after it."""
    resumed = kind == "train" and (folder / "run" / "models" / "last.ckpt").exists()
    again = {"train": ["--stop-after", "1", *(["--resume"] if resumed else [])], "export": []}
    _run_once([*_command(kind), *again.get(kind, ["once"])], folder)


def _run_once(command: list[str], folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", *command], cwd=folder, env=_environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr


def _left(folder: Path) -> list[str]:
    """What is half, or aside."""
    from lama_deploy.temporaries import is_ours

    names = [path for path in folder.rglob(".lama-*") if is_ours(path.name) or path.name.endswith(".replaced")]
    return [str(path.relative_to(folder)) for path in names]


def _of_a_person(folder: Path) -> dict[str, str | None]:
    texts = {name: (folder / name).read_text() if (folder / name).is_file() else None for name in OF_A_PERSON}
    return texts | {"store/target": None, "link": str((folder / "link").readlink())}


def _is_whole(text: str) -> bool:
    return len(text) == 160_000 and text == text[:8] * 20_000


def _check_written(shared: Path, folder: Path) -> None:
    assert _is_whole((folder / "file").read_text()) and (folder / "link").is_symlink()
    assert _is_whole((folder / "store/target").read_text()) and len(list((folder / "store").iterdir())) == 1


def _check_bundle(shared: Path, folder: Path) -> None:
    text, manifest = ((folder / "out" / name).read_text() for name in ("model.onnx", "bundle.json"))
    assert _is_whole(text) and int(text[:8]) == json.loads(manifest)["number"]
    names = {path.name for path in (folder / "out").iterdir()}
    assert names == {"model.onnx", "bundle.json", "notes.txt", "photos"}, names


def _check_pictures(shared: Path, folder: Path) -> None:
    for index in range(6):
        source, mask, result = (
            np.asarray(Image.open(path))
            for path in (shared / f"{index}.png", shared / f"{index}_mask.png", folder / f"out/{index}_mask.png")
        )
        assert np.array_equal(result[mask == 0], source[mask == 0]) and np.ptp(result[mask > 0]) == 0


def _check_training(shared: Path, folder: Path) -> None:
    """Whether it can be gone on from is for the next run to show."""
    assert not list((folder / "run").rglob("*.partial"))


def _check_export(shared: Path, folder: Path) -> None:
    from lama_deploy.bundle import load_bundle

    assert load_bundle(folder / "bundle").target == "onnx"


CHECKS: Mapping[str, Callable[[Path, Path], None]] = {
    "write": _check_written,
    "swap": _check_bundle,
    "inpaint": _check_pictures,
    "train": _check_training,
    "export": _check_export,
}
