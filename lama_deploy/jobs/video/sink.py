"""A video that is written: filled frames encoded, every other stream copied packet by packet."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO

import av
from av import Packet, VideoFrame
from av.codec.codec import find_best_pix_fmt_of_list
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, Stream
from av.video.frame import PictureType
from av.video.stream import VideoStream

from lama_deploy.errors import ImageError, brief
from lama_deploy.images.notes import Note
from lama_deploy.jobs.video.codecs import Writing
from lama_deploy.jobs.video.planes import with_own_range
from lama_deploy.jobs.video.source import Facts, Source

LEFT_OUT = "of its streams, {} is left out: the file that is written does not hold it"
OF_THE_FILE = {"encoder", "major_brand", "minor_version", "compatible_brands", "vendor_id", "duration"}  # that is read
CHAPTERS = "bin_data"  # what the stream of an mp4's chapters is called
OTHER_VIDEO = "of several video streams the first is filled, and the others are left out"


class Sink:
    """Opened for a source's streams. Raises ImageError for what cannot be written."""

    def __init__(self, container: OutputContainer, source: Source, facts: Facts, writing: Writing, note: Note) -> None:
        self._container, self._writing = container, writing
        first = with_own_range(facts.first)
        self._video = self._video_stream(source, facts, first)
        container.set_chapters(source.container.chapters())
        self._copies = {one.index: copy for one in source.others if (copy := self._copied(one, note)) is not None}
        container.metadata.update(_kept(source.container.metadata))
        self.format = self._video.codec_context.pix_fmt or first.format.name
        self._size = (first.width, first.height)

    def write(self, frame: VideoFrame) -> None:
        if (frame.width, frame.height) != self._size:
            raise ImageError(f"its frames change their size, from {self._size} to {(frame.width, frame.height)}")
        frame = frame if frame.format.name == self.format else frame.reformat(format=self.format)
        frame.pict_type = PictureType.NONE  # else the encoder takes over where the source had its key frames
        self._container.mux(self._video.encode(frame))

    def copy(self, packet: Packet[Stream]) -> None:
        stream = self._copies.get(packet.stream.index)
        if stream is not None:
            packet.stream = stream
            self._container.mux(packet)

    def finish(self) -> None:
        self._container.mux(self._video.encode(None))

    def _video_stream(self, source: Source, facts: Facts, first: VideoFrame) -> VideoStream:
        codec, given = self._writing.codec, source.video
        stream = self._container.add_stream(codec.encoder, rate=given.average_rate, options=self._writing.options)
        assert isinstance(stream, VideoStream)
        context, own = stream.codec_context, given.codec_context
        stream.width, stream.height, stream.pix_fmt = first.width, first.height, self._pixel_format(first)
        context.color_range, context.colorspace = int(first.color_range), int(first.colorspace)
        context.color_primaries, context.color_trc = own.color_primaries, own.color_trc
        if given.sample_aspect_ratio:
            context.sample_aspect_ratio = given.sample_aspect_ratio
        if given.time_base is not None:
            context.time_base = stream.time_base = given.time_base
        if codec.tag is not None and self._writing.container in ("mp4", "mov"):
            context.codec_tag = codec.tag
        if facts.matrix is not None:
            stream.set_display_matrix(facts.matrix)
        _describe(stream, given)
        return stream

    def _pixel_format(self, first: VideoFrame) -> str:
        """The source's own where the encoder has it, else what loses least."""
        known = [form.name for form in av.Codec(self._writing.codec.encoder, "w").video_formats or []]
        if first.format.name in known:
            return first.format.name
        best, _ = find_best_pix_fmt_of_list(known, first.format.name)
        if best is None:
            raise ImageError(f"{self._writing.name} has no pixel format for {brief(first.format.name)}")
        return best.name

    def _copied(self, stream: Stream, note: Note) -> Stream | None:
        """None where it is left out, with a note; sound is not left out."""
        if stream.type == "video":
            note(OTHER_VIDEO)
            return None
        if stream.type == "data" and self._container.chapters() and _codec(stream) == CHAPTERS:
            return None  # they are copied as chapters
        try:
            self._require_held(stream)
            if isinstance(stream, AttachmentStream):
                copy: Stream = self._container.add_attachment(stream.name or "", stream.mimetype or "", stream.data)
            else:
                copy = self._container.add_stream_from_template(stream)
        except (FFmpegError, ValueError, TypeError) as error:
            if stream.type == "audio":
                raise ImageError(
                    f"its sound, {brief(_codec(stream))}, does not go into {self._writing.container}; write .mkv, "
                    "which holds it"
                ) from error
            note(LEFT_OUT.format(f"{stream.type} ({_codec(stream)})"))
            return None
        _describe(copy, stream)
        return copy

    def _require_held(self, stream: Stream) -> None:
        """Raises ValueError where the container does not know it."""
        attached = isinstance(stream, AttachmentStream)  # fonts, mostly
        known = (
            self._writing.container == "matroska" if attached else _codec(stream) in self._container.supported_codecs
        )
        if not known:
            raise ValueError(_codec(stream))


@contextmanager
def opened_sink(file: BinaryIO, source: Source, facts: Facts, writing: Writing, note: Note) -> Iterator[Sink]:
    """The file is whole when the block has ended. Raises ImageError for what the encoder or the container refuses."""
    try:
        with av.open(file, "w", format=writing.container) as container:
            sink = Sink(container, source, facts, writing, note)
            yield sink
            sink.finish()
    except FFmpegError as error:
        raise ImageError(f"cannot be written as {writing.name} ({brief(error.strerror or error)})") from error


def _describe(copy: Stream, stream: Stream) -> None:
    """Language, title and what the stream is for."""
    copy.metadata.update(_kept(stream.metadata))
    copy.disposition = stream.disposition


def _kept(metadata: Mapping[str, str]) -> dict[str, str]:
    return {key: value for key, value in metadata.items() if key.lower() not in OF_THE_FILE}


def _codec(stream: Stream) -> str:
    """FFmpeg's name, of data: its kind."""
    context = getattr(stream, "codec_context", None)
    return context.codec.canonical_name if context is not None else str(getattr(stream, "name", None) or stream.type)
