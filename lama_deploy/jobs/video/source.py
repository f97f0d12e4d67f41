"""A video that is read packet by packet: its frames decoded, all else as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
from av import Packet, VideoFrame
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from lama_deploy.errors import ImageError, LamaDeployError, brief
from lama_deploy.images.notes import Note
from lama_deploy.jobs.video.codecs import DEMUXERS
from lama_deploy.jobs.video.planes import require_format

# From the display matrix's a, b, c, d, which are 1, 0 or -1 for all that cameras write, to EXIF's orientation.
ORIENTATIONS = {
    (1, 0, 0, 1): 1,
    (-1, 0, 0, 1): 2,
    (-1, 0, 0, -1): 3,
    (1, 0, 0, -1): 4,
    (0, 1, 1, 0): 5,
    (0, 1, -1, 0): 6,
    (0, -1, -1, 0): 7,
    (0, -1, 1, 0): 8,
}
MISSING = Fraction(1, 4)  # seconds, and two frames besides, that a file may be shorter than it says without a doubt
DAMAGED = "frames are damaged, and are filled as the decoder mends them"
GUESSED = "frames without a time, or with one that has been, get the next one by the frame rate"
INTERLACED = "the video is interlaced, and its frames are filled as though they were not"


@dataclass(frozen=True)
class Facts:
    """matrix: the display matrix, nine integers, None for none. frames: as the file says, 0 where it does not."""

    first: VideoFrame
    codec: str
    matrix: tuple[int, ...] | None
    frames: int

    @property
    def orientation(self) -> int:
        """EXIF's number for how it is shown."""
        if self.matrix is None:
            return 1
        turn = tuple(int(np.sign(value)) for value in (*self.matrix[:2], *self.matrix[3:5]))
        return ORIENTATIONS.get((turn[0], turn[1], turn[2], turn[3]), 1)


class Source:
    """An opened video. Errors are ImageErrors without its name."""

    def __init__(self, container: InputContainer, note: Note) -> None:
        self.container, self._note = container, note
        pictures = [one for one in container.streams.video if _is_film(one)]
        if not pictures:
            raise ImageError("has no video stream that can be decoded")
        self.video: VideoStream = pictures[0]
        self.others: list[Stream] = [one for one in container.streams if one.index != self.video.index]
        self._end = Fraction(0)  # seconds, of what has been read
        self._last = 0  # the time of the frame before
        self._next: int | None = None  # that of the next, if it has none

    def facts(self, max_pixels: int) -> Facts:
        """With the first frame, which is not decoded where it is larger. Ends the reading."""
        require_format(self.video.codec_context.pix_fmt)
        if self.video.width * self.video.height > max_pixels:
            raise ImageError(f"its frames have more than {max_pixels:,} pixels; raise --max-pixels")
        first = next((one for one in self.read() if isinstance(one, VideoFrame)), None)
        if first is None:
            raise ImageError("has no frame that can be decoded")
        return Facts(first, self.video.codec_context.name.removeprefix("lib"), _matrix(first), self._frames())

    def read(self) -> Iterator[VideoFrame | Packet[Stream]]:
        """Frames in the order in which they are shown, and packets of other streams between them.

        Raises ImageError for what cannot be decoded (what is damaged mostly can), and for a file that ends early.
        """
        number = 0
        try:
            for packet in self.container.demux():
                if packet.stream.index != self.video.index:
                    if packet.size:  # else the stream's end
                        self._reach(packet)
                        yield packet
                    continue
                self._reach(packet)
                for frame in packet.decode():
                    assert isinstance(frame, VideoFrame)
                    self._check(frame)
                    yield frame
                    number += 1
        except FFmpegError as error:
            raise ImageError(f"frame {number} cannot be decoded ({brief(error.strerror or error)})") from error
        self._require_whole()

    def _check(self, frame: VideoFrame) -> None:
        if frame.is_corrupt:
            self._note(DAMAGED)
        if frame.interlaced_frame:
            self._note(INTERLACED)
        if frame.pts is None or (self._next is not None and frame.pts <= self._last):
            self._note(GUESSED)
            frame.pts = self._next or 0
            frame.time_base = self.video.time_base or Fraction(1, 25)
        self._last = frame.pts
        step = frame.duration or _step(self.video)
        self._next = frame.pts + step

    def _reach(self, packet: Packet[Stream]) -> None:
        if packet.pts is not None and packet.time_base:
            self._end = max(self._end, (packet.pts + (packet.duration or 0)) * packet.time_base)

    def _require_whole(self) -> None:
        """By the length that the file says it has."""
        start = Fraction(self.container.start_time or 0, av.time_base)
        said = start + Fraction(self.container.duration or 0, av.time_base)
        if self._end < said - MISSING - 2 * (1 / self.video.average_rate if self.video.average_rate else 0):
            raise ImageError(
                f"ends after {float(self._end - start):.1f} of {float(said - start):.1f} seconds; it is truncated"
            )

    def _frames(self) -> int:
        video, seconds = self.video, (self.container.duration or 0) / av.time_base
        return video.frames or int(seconds * float(video.average_rate or 0))


@contextmanager
def opened_video(path: Path, note: Note) -> Iterator[Source]:
    """Raises ImageError, naming the file for whatever is wrong with it in the block."""
    try:
        with _container(path) as container:
            yield Source(container, note)
    except LamaDeployError as error:
        raise type(error)(f"{brief(str(path))}: {error}") from error
    except FFmpegError as error:  # such as colours that nothing converts
        raise ImageError(f"{brief(str(path))}: cannot be read ({brief(error.strerror or error)})") from error


def _container(path: Path) -> InputContainer:
    """By the demuxer of its suffix alone, and of files alone: playlists that name other places are no video here."""
    if not path.is_file():
        raise ImageError("no such file")
    form = DEMUXERS.get(path.suffix.lower(), "mov")
    try:
        options = {"protocol_whitelist": "file"}
        container = av.open(str(path.absolute()), format=form, options=options, metadata_errors="replace")
    except (FFmpegError, OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise ImageError(f"not a video that can be read, or truncated ({brief(reason)})") from error
    assert isinstance(container, InputContainer)
    return container


def _is_film(stream: VideoStream) -> bool:
    """No cover, and of a codec that is known, which the annotations take for granted."""
    context: Any = stream.codec_context
    return context is not None and not stream.disposition & Disposition.attached_pic


def _matrix(frame: VideoFrame) -> tuple[int, ...] | None:
    carried: Any = frame.side_data  # a mapping, which its annotation does not say
    data = carried.get("DISPLAYMATRIX")
    return None if data is None else tuple(np.frombuffer(bytes(data), np.int32).tolist())


def _step(video: VideoStream) -> int:
    rate, base = video.average_rate, video.time_base
    return max(1, round(1 / (rate * base))) if rate and base else 1
