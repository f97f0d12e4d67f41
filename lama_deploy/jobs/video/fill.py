"""A video filled from its first frame to its last, in as much memory as a few frames take."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from av import VideoFrame

from lama_deploy.arrays import Array
from lama_deploy.disk import appears_whole
from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.mask_options import AS_OFFICIAL, MaskOptions
from lama_deploy.images.notes import Note, Notes
from lama_deploy.images.opening import MAX_PIXELS
from lama_deploy.jobs.video.codecs import Writing, writing_for
from lama_deploy.jobs.video.holes import clip_of, holes_and_windows
from lama_deploy.jobs.video.planes import fill_hole, rgb_of, with_own_range
from lama_deploy.jobs.video.sink import Sink, opened_sink
from lama_deploy.jobs.video.source import Facts, Source, opened_video
from lama_deploy.jobs.video.spans import SPAN
from lama_deploy.runtime.inpainter import Inpainter

LOSSY = "{} compresses the known pixels anew; --codec ffv1 into .mkv, or --crf 0, keeps their samples"
CONVERTED = "{} has no {}, so that all pixels become {}"
DEEP = "the video has more than 8 bits a sample; the fill has 8, known pixels keep theirs"
Progress = Callable[[Any], Any]


class Counted:
    """An iterable whose length is foretold, for progress bars."""

    def __init__(self, items: Iterator[Any], length: int) -> None:
        self._items, self._length = items, length

    def __iter__(self) -> Iterator[Any]:
        return self._items

    def __len__(self) -> int:
        return self._length


def fill_video(
    inpainter: Inpainter,
    video: Path,
    mask: Path | None,
    output: Path,
    *,
    codec: str | None = None,
    crf: int | None = None,
    mask_options: MaskOptions = AS_OFFICIAL,
    max_pixels: int = MAX_PIXELS,
    progress: Progress = iter,
    notes: Notes | None = None,
) -> int:
    """How many frames were written. The file appears whole or not at all.

    mask: a picture for all frames; a folder of pictures with the frames' numbers; a video; None where `mask_options`
    draw the hole. codec: of `codecs.NAMES`, None for the file's usual one. crf: 0 to 51 or 63, less is better, None for
    a good one. progress: is given an iterable with a length, which may be wrong.
    Sound, subtitles, times, orientation and colour tags are the source's.
    Raises ImageError for what cannot be read, written or does not fit, and as `Inpainter.run`.
    """
    notes = notes or Notes()
    note = notes.about(video)
    with opened_video(video, note) as source:
        facts = source.facts(max_pixels)
        windows = holes_and_windows(mask, clip_of(facts, max_pixels, mask_options, notes), video)
    writing = writing_for(output, codec, crf, facts.codec)
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        with (
            opened_video(video, note) as source,
            appears_whole(output) as file,
            opened_sink(file, source, facts, writing, note) as sink,
        ):
            _tell(sink, facts, writing, note)
            told = _with_strategy(windows, inpainter, note)
            return _filled(inpainter, source, sink, told, progress, facts.frames)
    except OSError as error:
        raise ImageError(f"{brief(str(output))}: cannot be written ({brief(error.strerror or error)})") from error


def _with_strategy(
    windows: Iterator[tuple[Array, Array]], inpainter: Inpainter, note: Note
) -> Iterator[tuple[Array, Array]]:
    """The same; what is chosen for a span of frames, and was not asked for, is told."""
    for number, (hole, around) in enumerate(windows):
        if number % SPAN == 0 and (chosen := inpainter.plan(around)).is_news:
            note(chosen.text)
        yield hole, around


def _filled(
    inpainter: Inpainter,
    source: Source,
    sink: Sink,
    windows: Iterator[tuple[Array, Array]],
    progress: Progress,
    expected: int,
) -> int:
    frames = 0

    def each() -> Iterator[VideoFrame]:
        for one in source.read():
            if isinstance(one, VideoFrame):
                yield one
            else:
                sink.copy(one)

    for frame in progress(Counted(each(), expected)):
        found = next(windows, None)
        if found is None:
            raise ImageError(f"has more frames than its mask, which ends after {frames}")
        sink.write(_frame(inpainter, with_own_range(frame), *found, frames))
        frames += 1
    return frames


def _frame(inpainter: Inpainter, frame: VideoFrame, hole: Array, around: Array, number: int) -> VideoFrame:
    if not hole.any():
        return frame
    if (frame.height, frame.width) != hole.shape:
        raise ImageError(f"frame {number} is {frame.width}x{frame.height}, unlike those before it")
    rgb = rgb_of(frame)
    try:
        result = inpainter.run(rgb[None], hole[None], around=around)[0]
    except MemoryError as error:
        raise LamaDeployError(
            f"frame {number} needs more memory than there is; give --limit a smaller number"
        ) from error
    fill_hole(frame, result, hole)
    return frame


def _tell(sink: Sink, facts: Facts, writing: Writing, note: Note) -> None:
    """What is lost."""
    form = with_own_range(facts.first).format
    if sink.format != form.name:
        note(CONVERTED.format(writing.name, form.name, sink.format))
    if not writing.is_lossless:
        note(LOSSY.format(writing.name))
    if any(part.bits > 8 for part in form.components):
        note(DEEP)
