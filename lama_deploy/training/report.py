"""What a run shows of itself: a progress bar, TensorBoard scalars and pictures, sample grids as PNG."""

from __future__ import annotations

import math
import time
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from lama_deploy.disk import appears_whole
from lama_deploy.training.data import Batch

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter

GRID_ROWS = 8
LOSSES = ("gen_", "discr_")  # beginnings of their names
SHOWN_EVERY = 0.5  # seconds between the losses that the bar shows: reading them waits for the device


class Report:
    """Collects losses between logs. Only the first process makes one with `active`; the others' are silent."""

    def __init__(self, out: Path, first_step: int, steps: int, *, active: bool) -> None:
        self.out, self.active = out, active
        self.sums: dict[str, list[Tensor]] = defaultdict(list)
        self.waited = 0.0
        self.since = time.perf_counter()
        self.shown = -math.inf
        self.pictures = self.unreadable = self.padded = 0
        self.bar = tqdm(initial=first_step, total=steps, desc="train", disable=None if active else True)
        self.writer = _writer(out) if active else None

    def add(self, batch: Batch, values: dict[str, Tensor], waited: float) -> None:
        """One step's losses, and the seconds it waited for its batch."""
        for name, value in values.items():
            self.sums[name].append(value)
        self.waited += waited
        self.pictures += len(batch.names)
        self.padded += batch.padded
        for line in batch.unreadable:
            self.unreadable += 1
            self.note(f"skipped: {line}")
        self._show(values)
        self.bar.update()

    def _show(self, values: dict[str, Tensor]) -> None:
        """The losses of this step beside the bar, without gradients' norms and other logs."""
        now = time.perf_counter()
        if self.bar.disable or now - self.shown < SHOWN_EVERY:
            return
        losses = {name: value for name, value in values.items() if name.startswith(LOSSES) and "gradient" not in name}
        if losses:
            numbers = torch.stack([value.float() for value in losses.values()]).tolist()
            shown = " ".join(f"{name} {number:.3g}" for name, number in zip(losses, numbers, strict=True))
            self.bar.set_postfix_str(shown, refresh=False)
        self.shown = now

    def log(self, step: int) -> dict[str, float]:
        """Write the means since the last log, pictures per second and the share of time spent waiting for data."""
        elapsed = time.perf_counter() - self.since
        scalars = {f"train_{name}": float(torch.stack(values).mean()) for name, values in self.sums.items()}
        scalars |= {"pictures_per_second": self.pictures / elapsed, "data_wait_share": self.waited / elapsed}
        scalars |= {"unreadable": self.unreadable, "padded": self.padded}
        if self.writer is not None:
            for name, value in scalars.items():
                self.writer.add_scalar(name, value, step)
        if self.active:
            shown = ", ".join(f"{name.removeprefix('train_')} {value:.4g}" for name, value in scalars.items())
            self.note(f"step {step}: {shown}")
        self.sums.clear()
        self.waited, self.pictures, self.since = 0.0, 0, time.perf_counter()
        return scalars

    def samples(self, step: int, batch: Batch, predicted: Tensor) -> None:
        """A grid with a row per picture: with its hole, predicted, composited, true."""
        if self.writer is None:
            return
        grid = sample_grid(batch, predicted)
        self.writer.add_image("samples", grid, step, dataformats="HWC")
        folder = self.out / "samples"
        folder.mkdir(parents=True, exist_ok=True)
        with appears_whole(folder / f"{step:08d}.png") as stream:
            Image.fromarray(grid).save(stream, format="PNG")

    def note(self, line: str) -> None:
        if self.active:
            self.bar.write(line)

    def close(self) -> None:
        self.bar.close()
        if self.writer is not None:
            self.writer.close()


def sample_grid(batch: Batch, predicted: Tensor) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    """(rows * H, 4 * W, 3) uint8 of at most GRID_ROWS pictures."""
    image, mask, predicted = (t[:GRID_ROWS].float().cpu() for t in (batch.image, batch.mask, predicted))
    composite = mask * predicted + (1 - mask) * image
    columns = torch.cat((image * (1 - mask), predicted, composite, image), dim=3)  # (N, 3, H, 4 W)
    rows = columns.permute(0, 2, 3, 1).flatten(0, 1)
    return (rows.clamp(0, 1) * 255).round().to(torch.uint8).numpy()


def _writer(out: Path) -> SummaryWriter:
    from torch.utils.tensorboard import SummaryWriter

    return SummaryWriter(str(out / "tensorboard"))
