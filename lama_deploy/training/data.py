"""Training samples by number: sample k is the same picture, crop and mask whatever worker, process or resumed run asks.

Official code leaves the order to each worker and repeats mask draws across them; here sample k of a seed is a pure
function, which is what makes a run resumable to the bit.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from lama_deploy.errors import DataError, brief
from lama_deploy.training.augment import augmentation
from lama_deploy.training.config import DataConfig
from lama_deploy.training.mask_files import mask_source
from lama_deploy.training.sources import PictureRef, by_shares, decode, find_pictures

MAX_UNREADABLE = 50  # in a row: then it is the data, not a file


class Batch(NamedTuple):
    """image (N, 3, H, W) and mask (N, 1, H, W) float32 in [0, 1]; where they came from, and what was skipped."""

    image: Tensor
    mask: Tensor
    names: list[str]
    unreadable: list[str]
    padded: int  # pictures that were smaller than the crop


class _Sample(NamedTuple):
    image: np.ndarray[Any, Any]
    mask: np.ndarray[Any, Any]
    name: str
    unreadable: list[str]
    padded: bool


class TrainingSamples(Dataset[_Sample]):
    """Sample number -> _Sample. Numbers go on past the end of the data: each epoch is a new permutation."""

    def __init__(self, folder: Path, config: DataConfig, seed: int) -> None:
        self.refs = find_pictures(folder)
        self.order = np.array(by_shares(self.refs, config.shares))
        self.config = config
        self.seed = seed
        self.augment = augmentation(config.augmentation, config.crop, config.least_scale)
        self.masks = mask_source(config)

    def __getitem__(self, number: int) -> _Sample:
        rng = np.random.default_rng([self.seed, number])
        image, padded, ref, unreadable = self._readable(number, int(rng.integers(2**31)))
        crop = self.config.crop
        return _Sample(image, self.masks.draw(rng, crop, crop), ref.name, unreadable, padded)

    def _readable(self, number: int, seed: int) -> tuple[np.ndarray[Any, Any], bool, PictureRef, list[str]]:
        """A sample's crop, and whether its picture was smaller; where it cannot be read, that of the next numbers."""
        unreadable: list[str] = []
        for shift in range(MAX_UNREADABLE):
            epoch, position = divmod(number + shift, len(self.order))
            ref = self.refs[self.order[_permutation(self.seed, epoch, len(self.order))[position]]]
            try:
                return *self._crop(ref, seed), ref, unreadable
            except DataError as error:
                unreadable.append(str(error))
        raise DataError(f"{MAX_UNREADABLE} pictures in a row are unreadable, the last: {unreadable[-1]}")

    def _crop(self, ref: PictureRef, seed: int) -> tuple[np.ndarray[Any, Any], bool]:
        """Raises DataError, also for a picture of a shape that OpenCV cannot turn or scale."""
        picture = decode(ref)
        self.augment.set_random_seed(seed)
        try:
            return self.augment(image=picture)["image"], min(picture.shape[:2]) < self.config.crop
        except Exception as error:  # cv2.error and others
            size = f"{picture.shape[1]}x{picture.shape[0]}"
            raise DataError(f"{brief(ref.name)}: cannot be augmented at {size} ({brief(error)})") from error


@lru_cache(maxsize=2)
def _permutation(seed: int, epoch: int, length: int) -> np.ndarray[Any, Any]:
    return np.random.default_rng([seed, epoch, length]).permutation(length)


class _Numbers(Sampler[int]):
    """This process's sample numbers, from a step on to the end of the run."""

    def __init__(self, batch_size: int, first_step: int, steps: int, rank: int, world: int) -> None:
        self.batch_size, self.first_step, self.steps, self.rank, self.world = batch_size, first_step, steps, rank, world

    def __iter__(self) -> Iterator[int]:
        for step in range(self.first_step, self.steps):
            start = (step * self.world + self.rank) * self.batch_size
            yield from range(start, start + self.batch_size)

    def __len__(self) -> int:
        return (self.steps - self.first_step) * self.batch_size


def training_batches(
    samples: TrainingSamples, first_step: int, steps: int, rank: int = 0, world: int = 1, workers: int | None = None
) -> Iterator[Batch]:
    """Batches of steps first_step to steps - 1 for one of `world` processes. Raises DataError.

    workers: None for the configuration's.
    """
    config = samples.config
    workers = config.workers if workers is None else workers
    loader = DataLoader(
        samples,
        batch_size=config.batch_size,
        sampler=_Numbers(config.batch_size, first_step, steps, rank, world),
        num_workers=workers,
        collate_fn=collate,
        pin_memory=torch.cuda.is_available(),
        persistent_workers=workers > 0,
        worker_init_fn=_one_thread,
    )
    try:
        yield from loader
    except DataError as error:  # a worker's comes with its traceback as text, and the message in the last line
        raise DataError(
            str(error).strip().rpartition("\n")[2].removeprefix(f"{DataError.__module__}.DataError: ")
        ) from error


def collate(samples: list[_Sample]) -> Batch:
    image = torch.from_numpy(np.stack([sample.image for sample in samples])).permute(0, 3, 1, 2).float() / 255
    mask = torch.from_numpy(np.stack([sample.mask for sample in samples]))[:, None].float()
    unreadable = [line for sample in samples for line in sample.unreadable]
    padded = sum(sample.padded for sample in samples)
    return Batch(image.contiguous(), mask, [sample.name for sample in samples], unreadable, padded)


def _one_thread(_worker: int) -> None:
    """Workers share the cores with the networks: one thread each. They end with the process that started them."""
    import signal

    import cv2

    for name in ("SIGINT", "SIGHUP"):  # which a terminal sends to them too, while the last step may still need them
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)

    cv2.setNumThreads(0)
    torch.set_num_threads(1)
