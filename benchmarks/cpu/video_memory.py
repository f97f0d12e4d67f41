"""Whether memory stays flat over a long video: `python -m benchmarks.cpu.video_memory [--frames N]`.

A clip of 256x192 pixels with sound is made and filled by a backend that only inverts, since what a model takes does not
depend on how many frames came before: decoding, windows, encoding and the file that is written are what could grow.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np

from benchmarks.cpu.runtimes import PACKAGES, RESULTS
from lama_deploy import Inpainter
from lama_deploy.arrays import Array
from lama_deploy.images.mask_options import MaskOptions
from lama_deploy.jobs.video.fill import fill_video
from lama_deploy.process_memory import process_memory
from lama_deploy.reports.machine import machine
from lama_deploy.runtime.backend import Capabilities

HEIGHT, WIDTH, RATE, SOUND, BLOCK = 192, 256, 30, 48000, 1024
BOX = MaskOptions(boxes=[(20, 20, 60, 60)])
MARKS = (100, 1000, 2000, 5000)  # frames, and the last


class Inverting:
    """Holes become the picture's negative."""

    name, device, capabilities = "inverting", "cpu", Capabilities()

    def run(self, images: Array, masks: Array) -> Array:
        return np.where(masks[..., None] > 0, 255 - images, images)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--frames", type=int, default=10_000)
    args = parser.parse_args()
    held: dict[str, float] = {}

    def watched(frames: Iterable[Any]) -> Iterator[Any]:
        for number, frame in enumerate(frames, 1):
            yield frame
            memory = process_memory()
            if memory is not None and number in (*MARKS, args.frames):
                held[f"{number:,}"] = round(memory.held / 2**20, 1)

    with tempfile.TemporaryDirectory() as folder:
        clip = Path(folder) / "clip.mp4"
        _make(clip, args.frames)
        fill_video(Inpainter(Inverting()), clip, None, Path(folder) / "out.mp4", mask_options=BOX, progress=watched)
    _write(held)


def _make(path: Path, frames: int) -> None:
    scene = np.random.default_rng(0).integers(0, 255, (HEIGHT // 8, 200, 3), dtype=np.uint8).repeat(8, 0).repeat(8, 1)
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=RATE, options={"preset": "ultrafast"})
        video.height, video.width, video.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        sound = container.add_stream("aac", rate=SOUND, layout="mono")
        blocks = 0
        for number in range(frames):
            left = 2 * number % (scene.shape[1] - WIDTH)
            picture = np.ascontiguousarray(scene[:, left : left + WIDTH])
            container.mux(video.encode(av.VideoFrame.from_ndarray(picture, "rgb24")))
            while blocks * BLOCK * RATE < number * SOUND:
                container.mux(sound.encode(_silence(blocks)))
                blocks += 1
        container.mux(video.encode())
        container.mux(sound.encode())


def _silence(number: int) -> av.AudioFrame:
    frame = av.AudioFrame.from_ndarray(np.zeros((1, BLOCK), np.float32), format="fltp", layout="mono")
    frame.sample_rate, frame.pts, frame.time_base = SOUND, number * BLOCK, Fraction(1, SOUND)
    return frame


def _write(held: dict[str, float]) -> None:
    today = datetime.now(UTC).date().isoformat()
    record = {
        "what": f"Memory while a video of {list(held)[-1]} frames is filled",
        "date": today,
        "method": f"resident memory after so many frames of {WIDTH}x{HEIGHT} pixels with sound, H.264 to H.264, by a "
        "backend that only inverts",
        "machine": machine((*PACKAGES, "av")),
        "video_memory": held,
    }
    (RESULTS / f"{today}-cpu-video-memory.json").write_text(json.dumps(record, indent=1) + "\n")
    print(json.dumps(held))


if __name__ == "__main__":
    main()
