"""A video is filled in its holes, and everything else of it is what it was: samples, times, sound, how it is shown."""

from __future__ import annotations

import itertools
from fractions import Fraction

import numpy as np
import pytest

from lama_deploy.images.notes import Notes
from tests.lama_deploy.jobs.clips import (
    BOX,
    FRAMES,
    HEIGHT,
    HOLE,
    TURNED,
    WIDTH,
    Making,
    av,
    inverting,
    look,
    make,
    pictures,
    save_mask,
)

pytest.importorskip("av")
from lama_deploy.jobs.video.fill import LOSSY, fill_video
from lama_deploy.jobs.video.holes import UNNUMBERED


def near(found: np.ndarray, wanted: np.ndarray, most: float = 6) -> bool:
    """Up to what chroma of half the size, and a good lossy codec, leave."""
    return float(np.abs(found.astype(int) - wanted).mean()) < most


def negative(frames: np.ndarray, holes: np.ndarray) -> np.ndarray:
    return np.where(holes[..., None] > 0, 255 - frames, frames)


@pytest.mark.parametrize("source", ["clip.mp4", "clip.mkv", "clip.mov"])
@pytest.mark.parametrize("output", ["out.mp4", "out.mkv", "out.mov"])
def test_a_clip_with_sound(tmp_path, source, output):
    video = make(tmp_path / source, making=Making(sound="aac", matrix=TURNED))
    mask = save_mask(tmp_path / "m.png", np.rot90(HOLE, -1))  # as the video is shown
    assert fill_video(inverting(), video, mask, tmp_path / output) == FRAMES
    before, after = look(video), look(tmp_path / output)
    assert near(after.rgb, negative(before.rgb, HOLE))
    assert after.codecs == ["h264", "aac"] and after.languages[1] == "eng" and after.matrix == TURNED
    assert [data for _, data in after.packets[1]] == [data for _, data in before.packets[1]]
    assert after.metadata["title"] == "a title"
    assert [one["title"] for one in after.chapters] == ["one"]
    # Matroska has no times below 0, where sound begins that is primed: all is later by that, and rounded.
    late = after.times[0] - before.times[0]
    limit = Fraction(2, 1000) if "mkv" in source + output else Fraction(0)
    for now, then in itertools.chain(
        zip(after.times, before.times, strict=True),
        zip((time for time, _ in after.packets[1]), (time for time, _ in before.packets[1]), strict=True),
    ):
        assert abs(now - then - late) <= limit
    assert late == 0 or ".mkv" in output


@pytest.mark.parametrize(("output", "codec"), [("out.mkv", "ffv1"), ("out.mp4", "h264"), ("out.webm", None)])
def test_frames_at_uneven_times_that_begin_late(tmp_path, output, codec):
    times = (np.cumsum([700, 40, 17, 33, 90, 33, 1, 55, 33])).tolist()
    video = make(tmp_path / "clip.mkv", making=Making("ffv1", times=times, base=Fraction(1, 1000), sound="libopus"))
    fill_video(inverting(), video, None, tmp_path / output, codec=codec, mask_options=BOX)
    assert look(tmp_path / output).times == look(video).times == [Fraction(time, 1000) for time in times]
    assert look(tmp_path / output).packets[1][0][0] == look(video).packets[1][0][0]


LOSSLESS = {
    "ffv1": ("ffv1", None, "yuv420p", "out.mkv"),
    "10 bits": ("ffv1", None, "yuv422p10le", "out.mkv"),
    "rgb": ("ffv1", None, "bgr0", "out.mkv"),
    "grey": ("ffv1", None, "gray", "out.mkv"),
    "transparent": ("ffv1", None, "yuva420p", "out.mkv"),
    "h264": ("h264", 0, "yuv420p", "out.mp4"),
    "hevc": ("hevc", 0, "yuv420p10le", "out.mp4"),
    "vp9": ("vp9", 0, "yuv444p", "out.webm"),
}


@pytest.mark.parametrize("case", LOSSLESS)
def test_lossless_codecs_keep_every_sample_that_covers_no_hole(tmp_path, case):
    codec, crf, form, name = LOSSLESS[case]
    video = make(tmp_path / "clip.mkv", making=Making("ffv1", form))
    notes = Notes()
    fill_video(inverting(), video, None, tmp_path / name, codec=codec, crf=crf, mask_options=BOX, notes=notes)
    before, after = look(video), look(tmp_path / name)
    assert not any("compresses" in line for line in notes.lines())
    assert before.form == after.form
    for old, new in zip(before.planes, after.planes, strict=True):
        for index, (one, other) in enumerate(zip(old, new, strict=True)):
            assert (one != other).any() == (index < 3)  # of four planes the last is transparency
            assert _same_outside(one, other)
    inside = HOLE[..., None] * negative(before.rgb, HOLE)
    assert near(
        HOLE[..., None] * after.rgb, np.repeat(inside.mean(-1, keepdims=True), 3, -1) if form == "gray" else inside, 8
    )


def _same_outside(plane: np.ndarray, now: np.ndarray) -> bool:
    """By the plane's share of the picture: the hole's rows and columns are even, so chroma has none besides."""
    across, down = plane.shape[1] / WIDTH, plane.shape[0] / HEIGHT
    kept = np.ones(plane.shape, bool)
    kept[int(8 * down) : int(24 * down), int(16 * across) : int(40 * across)] = False
    return bool((plane == now)[kept].all())


def test_what_lossy_codecs_do_is_said(tmp_path):
    video, notes = make(tmp_path / "clip.mp4"), Notes()
    fill_video(inverting(), video, None, tmp_path / "out.mp4", mask_options=BOX, notes=notes)
    assert notes.lines() == [f"{video}: {LOSSY.format('h264')}"]
    fill_video(inverting(), video, None, tmp_path / "out.mov", codec="prores", mask_options=BOX, notes=notes)
    assert notes.lines()[1:] == [
        f"{video}: prores has no yuv420p, so that all pixels become yuv422p10le",
        f"{video}: {LOSSY.format('prores')}",
    ]


@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_colour_tags_stay(tmp_path, codec):
    making = Making(codec, tags={"color_range": 2, "colorspace": 1, "color_primaries": 1, "color_trc": 1})
    video = make(tmp_path / "clip.mkv", making=making)
    fill_video(inverting(), video, None, tmp_path / "out.mkv", codec="same", mask_options=BOX)
    before, after = look(video), look(tmp_path / "out.mkv")
    assert after.tags == before.tags == (2, 1, 1, 1)
    assert near(after.rgb, negative(before.rgb, HOLE))


def moving(count: int = FRAMES) -> np.ndarray:
    """(N, H, W): the hole moves to the right."""
    return np.stack([np.roll(HOLE, 2 * index, axis=1) for index in range(count)])


@pytest.mark.parametrize("first", [0, 1])
def test_a_mask_a_frame(tmp_path, first):
    video, holes = make(tmp_path / "clip.mp4"), moving()
    for index in (0, 1, 2, 5, 6):
        save_mask(tmp_path / "masks" / f"frame_{index + first:04}.png", holes[index])
    notes = Notes()
    fill_video(inverting(), video, tmp_path / "masks", tmp_path / "out.mp4", notes=notes)
    holes[[3, 4, 7, 8]] = 0
    assert near(look(tmp_path / "out.mp4").rgb, negative(look(video).rgb, holes))
    assert [line for line in notes.lines() if UNNUMBERED in line] == [f"{tmp_path / 'masks'}: {UNNUMBERED}"]


def test_masks_that_reach_past_the_end_are_no_news(tmp_path):
    video, notes = make(tmp_path / "clip.mp4"), Notes()
    for index in range(FRAMES + 3):
        save_mask(tmp_path / "masks" / f"{index + 1}.png")
    fill_video(inverting(), video, tmp_path / "masks", tmp_path / "out.mp4", notes=notes)
    assert notes.lines() == [f"{video}: {LOSSY.format('h264')}"]


@pytest.mark.parametrize("codec", ["libx264", "ffv1"])
def test_a_mask_video(tmp_path, codec):
    video, holes = make(tmp_path / "clip.mp4"), moving()
    frames = np.repeat(holes[..., None] * np.uint8(255), 3, axis=-1)
    mask = make(tmp_path / "mask.mkv", frames, Making(codec, options={"crf": "30"}))
    fill_video(inverting(), video, mask, tmp_path / "out.mp4")
    assert near(look(tmp_path / "out.mp4").rgb, negative(look(video).rgb, holes), 7)


@pytest.mark.parametrize(("output", "left_out"), [("out.mkv", []), ("out.mp4", ["subtitle (subrip)", "attachment"])])
def test_subtitles_and_fonts_are_copied_or_named(tmp_path, output, left_out):
    video, notes = tmp_path / "clip.mkv", Notes()
    with av.open(str(video), "w") as container:
        stream = container.add_stream("ffv1", rate=30)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        said = container.add_mux_stream("subrip")
        container.add_attachment("a.ttf", "application/x-truetype-font", b"a font")
        for pixels in pictures():
            container.mux(stream.encode(av.VideoFrame.from_ndarray(pixels, "rgb24")))
        container.mux(stream.encode())
        words = av.Packet(b"Hello")
        words.stream, words.time_base, words.pts, words.dts, words.duration = said, Fraction(1, 1000), 40, 40, 60
        container.mux(words)
    fill_video(inverting(), video, None, tmp_path / output, mask_options=BOX, notes=notes)
    lines = [line for line in notes.lines() if "left out" in line]
    assert len(lines) == len(left_out) and all(name in line for name, line in zip(left_out, lines, strict=True))
    found = look(tmp_path / output)
    assert [data for _, data in found.packets.get(1, [])] == ([] if left_out else [b"Hello"])
