"""What is wrong with a video, a mask or what is asked for is one line, and nothing is left on the disk."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from lama_deploy import Inpainter
from lama_deploy.errors import DeviceMemoryError, ImageError
from tests.lama_deploy.jobs.clips import (
    BOX,
    HEIGHT,
    HOLE,
    WIDTH,
    Inverting,
    Making,
    inverting,
    look,
    make,
    pictures,
    save_mask,
)

pytest.importorskip("av")
from lama_deploy.jobs.video.fill import fill_video


def test_a_mask_video_that_ends_early(tmp_path):
    video = make(tmp_path / "clip.mp4")
    mask = make(tmp_path / "mask.mp4", np.full((4, HEIGHT, WIDTH, 3), 255, np.uint8))
    with pytest.raises(ImageError, match=r"clip.mp4: has more frames than its mask, which ends after 4"):
        fill_video(inverting(), video, mask, tmp_path / "out.mp4")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "mask.mp4"]


BROKEN = {
    "nothing": (lambda data: b"nothing", "not a video that can be read, or truncated"),
    "no end": (lambda data: data[: len(data) * 2 // 3], "not a video that can be read, or truncated"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_a_broken_file_is_one_line(tmp_path, case):
    damage, message = BROKEN[case]
    video = make(tmp_path / "clip.mp4")
    video.write_bytes(damage(video.read_bytes()))
    with pytest.raises(ImageError, match=f"clip.mp4: {message}"):
        fill_video(inverting(), video, None, tmp_path / "out.mp4", mask_options=BOX)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("share", [0.4, 0.8])
def test_a_truncated_file_leaves_nothing(tmp_path, share):
    video = make(tmp_path / "clip.mkv", pictures(60), Making("ffv1", base=Fraction(1, 1000)))
    data = video.read_bytes()
    video.write_bytes(data[: int(len(data) * share)])
    with pytest.raises(
        ImageError, match=r"clip.mkv: (ends after .* seconds; it is truncated|frame \d+ cannot be decoded)"
    ):
        fill_video(inverting(), video, None, tmp_path / "out.mp4", mask_options=BOX)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mkv"]


def test_a_frame_that_cannot_be_decoded_leaves_nothing(tmp_path):
    video = make(tmp_path / "clip.mov", making=Making("prores_ks", "yuv422p10le"))
    _, frame = look(video).packets[0][5]
    video.write_bytes(video.read_bytes().replace(frame, bytes(len(frame))))
    with pytest.raises(ImageError, match=r"clip.mov: frame \d+ cannot be decoded"):
        fill_video(inverting(), video, None, tmp_path / "out.mp4", mask_options=BOX)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mov"]


REFUSED = {
    "container": ({"output": "out.gif"}, "out.gif: no video is written as .gif; allowed: .mp4"),
    "codec": ({"output": "out.mp4", "codec": "ffv1"}, "ffv1 does not go into .mp4; take --codec h264 or hevc"),
    "quality": ({"output": "out.mkv", "codec": "ffv1", "crf": 3}, "--crf 3: ffv1 takes none"),
    "too bad": ({"output": "out.mp4", "crf": 60}, "--crf 60: h264 takes 0 to 51"),
    "sound": ({"output": "out.webm"}, r"clip.mp4: its sound, aac, does not go into webm; write .mkv"),
    "size": ({"output": "out.mp4", "max_pixels": 100}, "its frames have more than 100 pixels"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_written(tmp_path, case):
    options, message = REFUSED[case]
    video = make(tmp_path / "clip.mp4", making=Making(sound="aac"))
    options = {**options, "output": tmp_path / str(options["output"])}
    with pytest.raises(ImageError, match=message):
        fill_video(inverting(), video, None, mask_options=BOX, **options)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


@pytest.mark.parametrize("error", [KeyboardInterrupt(), DeviceMemoryError("needs 9 GiB"), MemoryError()])
def test_what_ends_in_the_middle_leaves_nothing(tmp_path, error):
    class Failing(Inverting):
        def run(self, images, masks):
            if len(self.windows) == 4:
                raise error
            return super().run(images, masks)

    video = make(tmp_path / "clip.mp4")
    with pytest.raises((KeyboardInterrupt, DeviceMemoryError, Exception), match=r"^$|clip.mp4: .*(9 GiB|more memory)"):
        fill_video(Inpainter(Failing()), video, None, tmp_path / "out.mp4", mask_options=BOX)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]


def test_masks_that_do_not_fit(tmp_path):
    video = make(tmp_path / "clip.mp4")
    with pytest.raises(ImageError, match=r"m.png: the mask is 64x30, the image 64x48"):
        fill_video(inverting(), video, save_mask(tmp_path / "m.png", HOLE[:30]), tmp_path / "out.mp4")
    save_mask(tmp_path / "masks" / "none.png")
    with pytest.raises(ImageError, match=r"none.png: no number in its name"):
        fill_video(inverting(), video, tmp_path / "masks", tmp_path / "out.mp4")


@pytest.mark.parametrize("source", ["clip.mp4", "clip.mkv"])
def test_mutated_videos_are_filled_or_refused_in_a_line(tmp_path, source):
    good = make(tmp_path / source, making=Making(sound="aac")).read_bytes()
    rng = np.random.default_rng(5)
    (tmp_path / "out").mkdir()
    for number in range(40):
        data = np.frombuffer(good, np.uint8).copy()
        places = rng.integers(0, rng.choice((500, len(data))), 4)
        data[places] = rng.choice((0, 255, *range(60, 70)), 4)
        (tmp_path / source).write_bytes(data.tobytes())
        output = tmp_path / "out" / f"{number}.mp4"
        try:
            fill_video(inverting(), tmp_path / source, None, output, mask_options=BOX, max_pixels=10**6)
        except ImageError as error:
            assert str(error).startswith(str(tmp_path / source)) and "\n" not in str(error)
            assert not output.exists()
        else:
            assert output.exists()
    assert all(path.suffix == ".mp4" for path in (tmp_path / "out").iterdir())
