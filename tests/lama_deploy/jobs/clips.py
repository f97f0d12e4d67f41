"""Tiny videos that tests make, and what is in a video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from lama_deploy import Inpainter
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.runtime.backend import Capabilities

av: Any = pytest.importorskip("av")

HEIGHT, WIDTH, FRAMES = 48, 64, 9
HOLE = np.zeros((HEIGHT, WIDTH), np.uint8)
HOLE[8:24, 16:40] = 1
BOX = MaskOptions(boxes=[(16, 8, 24, 16)])
TURNED = (0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)  # shown turned by 90 degrees, clockwise


class Inverting:
    """Holes become the picture's negative. windows: (height, width) of what it was given."""

    name, device, capabilities = "inverting", "cpu", Capabilities()

    def __init__(self) -> None:
        self.windows: list[tuple[int, ...]] = []

    def run(self, images: np.ndarray, masks: np.ndarray) -> np.ndarray:
        self.windows.append(images.shape[1:3])
        return np.where(masks[..., None] > 0, 255 - images, images)


def inverting() -> Inpainter:
    return Inpainter(Inverting())


def pictures(count: int = FRAMES, height: int = HEIGHT, width: int = WIDTH) -> np.ndarray:
    """(N, H, W, 3) uint8: blocks of colours that change with time."""
    blocks = np.random.default_rng(3).integers(30, 220, (count, height // 8, width // 8, 3), dtype=np.uint8)
    return blocks.repeat(8, 1).repeat(8, 2)


@dataclass
class Making:
    """How a clip is made. times: of frames, in `base`."""

    codec: str = "libx264"
    form: str = "yuv420p"
    times: Sequence[int] | None = None
    base: Fraction = Fraction(1, 15360)
    sound: str | None = None
    matrix: tuple[int, ...] | None = None
    options: dict[str, str] = field(default_factory=lambda: {"qp": "0"})
    tags: dict[str, int] = field(default_factory=dict)


def make(path: Path, frames: np.ndarray | None = None, making: Making | None = None) -> Path:
    frames, making = pictures() if frames is None else frames, making or Making()
    with av.open(str(path), "w") as container:
        options = making.options if making.codec == "libx264" else {}
        video = container.add_stream(making.codec, rate=30, options=options)
        video.height, video.width, video.pix_fmt = *frames.shape[1:3], making.form
        video.codec_context.time_base = video.time_base = making.base
        for name, value in making.tags.items():
            setattr(video.codec_context, name, value)
        if making.matrix is not None:
            video.set_display_matrix(making.matrix)
        sound = container.add_stream(making.sound, rate=48000, layout="mono") if making.sound else None
        if sound is not None:
            sound.metadata["language"] = "eng"
        container.metadata["title"] = "a title"
        container.set_chapters(
            [{"id": 1, "start": 0, "end": 90, "time_base": Fraction(1, 1000), "metadata": {"title": "one"}}]
        )
        for index, pixels in enumerate(frames):
            frame = av.VideoFrame.from_ndarray(pixels, "rgb24").reformat(format=making.form)
            frame.pts = making.times[index] if making.times else int(index / 30 / making.base)
            frame.time_base = making.base
            container.mux(video.encode(frame))
        container.mux(video.encode())
        if sound is not None:
            _add_sound(container, sound, len(frames))
    return path


def _add_sound(container: Any, sound: Any, frames: int) -> None:
    form = sound.codec_context.format.name
    for index in range(frames * 1600 // 1024):
        samples = np.sin(np.arange(1024) / 9)[None] * 9000
        samples = (samples / 32768).astype(np.float32) if "flt" in form else samples.astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples, format=form, layout="mono")
        frame.sample_rate, frame.pts, frame.time_base = 48000, index * 1024, Fraction(1, 48000)
        container.mux(sound.encode(frame))
    container.mux(sound.encode())


@dataclass
class Found:
    """Of a file. planes: of every frame, (height, bytes of a row). packets: by stream (time in seconds, content)."""

    rgb: np.ndarray
    planes: list[list[np.ndarray]]
    times: list[Fraction]
    packets: dict[int, list[tuple[Fraction, bytes]]]
    codecs: list[str]
    metadata: dict[str, str]
    chapters: list[Any]
    languages: list[str | None]
    matrix: tuple[int, ...] | None
    tags: tuple[int, ...]
    form: str


def _rows(plane: Any, form: str) -> np.ndarray:
    size = 2 if "10le" in form else 4 if form == "bgr0" else 1
    return np.frombuffer(bytes(plane), np.uint8).reshape(plane.height, plane.line_size)[:, : plane.width * size]


def look(path: Path) -> Found:
    with av.open(str(path)) as container:
        video = container.streams.video[0]
        frames = list(container.decode(video))
        side = frames[0].side_data.get("DISPLAYMATRIX")
        context = video.codec_context
        tags = (context.color_range, context.colorspace, context.color_primaries, context.color_trc)
        facts = {
            "rgb": np.stack([frame.to_ndarray(format="rgb24") for frame in frames]),
            "planes": [[_rows(plane, frame.format.name) for plane in frame.planes] for frame in frames],
            "times": [frame.pts * frame.time_base for frame in frames],
            "codecs": [one.codec_context.codec.canonical_name for one in container.streams if one.codec_context],
            "metadata": dict(container.metadata),
            "chapters": [one["metadata"] for one in container.chapters()],
            "languages": [one.language for one in container.streams],
            "matrix": None if side is None else tuple(np.frombuffer(bytes(side), np.int32).tolist()),
            "tags": tuple(map(int, tags)),
            "form": frames[0].format.name,
        }
    packets: dict[int, list[tuple[Fraction, bytes]]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size:
                packets.setdefault(packet.stream.index, []).append((packet.pts * packet.time_base, bytes(packet)))
    return Found(packets=packets, **facts)


def save_mask(path: Path, hole: np.ndarray = HOLE) -> Path:
    path.parent.mkdir(exist_ok=True)
    Image.fromarray(hole * np.uint8(255)).save(path)
    return path
