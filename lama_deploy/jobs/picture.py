"""What is done with one picture of a folder, in the stages of `runtime.pipeline`, and what is said where it fails."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lama_deploy.arrays import Array
from lama_deploy.errors import LamaDeployError, brief, one_line
from lama_deploy.images.files import BeforeAppearing, read_mask, read_photograph, write_photograph
from lama_deploy.images.mask_options import AS_OFFICIAL, MaskOptions
from lama_deploy.images.notes import Note, Notes, ignore
from lama_deploy.images.opening import MAX_PIXELS
from lama_deploy.images.pairs import Job
from lama_deploy.images.photograph import Photograph, filled
from lama_deploy.images.save_options import AS_USUAL, SaveOptions
from lama_deploy.runtime.inpainter import Inpainter
from lama_deploy.runtime.memory import require_run
from lama_deploy.runtime.pipeline import Hold
from lama_deploy.runtime.strategies.plan import Plan

NO_MEMORY = (
    "needs more memory than there is; give the process more, run fewer at the same time, or, where PyTorch takes most "
    "of it, use --backend onnxruntime"
)


@dataclass(frozen=True, kw_only=True)
class PictureOptions:
    """How pictures are read and written; pickled for other machines. max_pixels: of those that are not refused."""

    max_pixels: int = MAX_PIXELS
    mask: MaskOptions = AS_OFFICIAL
    save: SaveOptions = AS_USUAL


@dataclass(frozen=True)
class ReadPicture:
    """hole: (H, W) uint8, as stored. note: of the picture. how: gets what is chosen for it, for reports."""

    photograph: Photograph
    hole: Array
    note: Note = ignore
    how: dict[str, Any] = field(default_factory=dict)


class PictureWork:
    """The stages of a job; safe to be called from any thread."""

    def __init__(self, inpainter: Inpainter, options: PictureOptions) -> None:
        self._inpainter, self._options = inpainter, options
        self._notes: dict[Job, Notes] = {}

    def notes_of(self, job: Job) -> Notes:
        """What is doubtful or lost, by the picture's file; what is doubtful of a mask, by the mask's."""
        return self._notes.setdefault(job, Notes())

    def read(self, job: Job, hold: Hold) -> ReadPicture:
        """A picture that this model has not the memory for is not even decoded. Raises LamaDeployError."""
        most = self._options.max_pixels
        note = self.notes_of(job).about(job.image)

        def before_decoding(height: int, width: int) -> None:
            if self._inpainter.strategy.strategy == "whole":  # the others take what there is memory for
                require_run(self._inpainter.backend.capabilities, (1, height, width))
            hold(height * width)

        photograph = read_photograph(job.image, most, before_decoding, note, one_frame=True)
        return ReadPicture(photograph, self._hole(job, photograph), note)

    def _hole(self, job: Job, photograph: Photograph) -> Array:
        note = self.notes_of(job).about(job.mask or job.image)
        return read_mask(job.mask, photograph, self._options.max_pixels, self._options.mask, note)

    def infer(self, pictures: Sequence[ReadPicture]) -> Sequence[Array | Exception]:
        """Results (H, W, 3) uint8, or errors in their places."""

        def chosen(index: int, plan: Plan) -> None:
            pictures[index].how.update(plan.to_dict())
            if plan.is_news:
                pictures[index].note(plan.text)

        return self._inpainter.run_many([(one.photograph.rgb, one.hole) for one in pictures], chosen)

    def write(
        self, job: Job, picture: ReadPicture, rgb: Array, before_appearing: BeforeAppearing | None = None
    ) -> dict[str, Any]:
        """What was chosen for it. before_appearing: as `write_photograph` has it. Raises ImageError."""
        write_photograph(
            job.output,
            filled(picture.photograph, rgb, picture.hole),
            self.notes_of(job).about(job.image),
            options=self._options.save,
            before_appearing=before_appearing,
        )
        return picture.how


def reason_of(job: Job, error: BaseException) -> str:
    """One line that names the picture; a model knows only its pixels."""
    named = partial("{}: {}".format, brief(str(job.image)))
    if isinstance(error, MemoryError):
        return named(NO_MEMORY)
    if isinstance(error, LamaDeployError):
        said = str(error)
        return one_line(said if _names(said, job) else named(said))
    return one_line(named(f"failed unexpectedly ({type(error).__name__}: {brief(error)})"))


def _names(said: str, job: Job) -> bool:
    return said.startswith(tuple(f"{brief(str(path))}: " for path in (job.image, job.mask, job.output) if path))
