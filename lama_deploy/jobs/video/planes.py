"""A video frame's samples in its own pixel format: read as RGB, written back where the hole is and nowhere else."""

from __future__ import annotations

import numpy as np
from av import VideoFormat, VideoFrame
from av.video.reformatter import ColorRange

from lama_deploy.arrays import Array
from lama_deploy.errors import ImageError, brief

FULL_RANGE = "yuvj"  # begins the old names of formats whose range is full, which most encoders do not know


def require_format(name: str | None) -> None:
    """Raises ImageError for pixel formats whose samples are not whole bytes of their own."""
    if name is None:
        raise ImageError("the video's pixel format is unknown")
    form = VideoFormat(name, 16, 16)
    widths = [{part.width for part in form.components if part.plane == plane} for plane in range(4)]
    mixed = any(len(found) > 1 for found in widths)  # luma and chroma in one plane, such as yuyv422
    if form.has_palette or form.is_bit_stream or form.is_bayer or mixed:
        raise ImageError(f"the video's pixel format {brief(name)} is not filled; make it yuv422p or rgb24 first")


def with_own_range(frame: VideoFrame) -> VideoFrame:
    """The same samples under the format's usual name, with the full range as a tag: yuvj420p becomes yuv420p."""
    name = frame.format.name
    if not name.startswith(FULL_RANGE):
        return frame
    copy = VideoFrame(frame.width, frame.height, name.replace(FULL_RANGE, "yuv"))
    for source, target in zip(_planes(frame), _planes(copy), strict=True):
        target[...] = source
    copy.pts, copy.duration = frame.pts, frame.duration
    if frame.time_base is not None:
        copy.time_base = frame.time_base
    copy.colorspace, copy.color_range = frame.colorspace, ColorRange.JPEG
    copy.color_primaries, copy.color_trc = frame.color_primaries, frame.color_trc
    return copy


def rgb_of(frame: VideoFrame) -> Array:
    """(H, W, 3) uint8, by the frame's own matrix and range."""
    return frame.reformat(format="rgb24").to_ndarray()


def fill_hole(frame: VideoFrame, rgb: Array, hole: Array) -> None:
    """Write rgb (H, W, 3) uint8 into the frame where hole (H, W) is: samples that cover no pixel of it keep their bits.

    A chroma sample that covers known pixels too is of the hole. Transparency stays.
    """
    given = VideoFrame.from_ndarray(np.ascontiguousarray(rgb), format="rgb24")
    name, space, range_ = frame.format.name, frame.colorspace, frame.color_range
    filled = given.reformat(format=name, dst_colorspace=space, dst_color_range=range_)
    frame.make_writable()
    transparent = {part.plane for part in frame.format.components if part.is_alpha}
    packed_alpha = _alpha_bytes(frame.format)
    for index, (target, source) in enumerate(zip(_planes(frame), _planes(filled), strict=True)):
        if frame.format.is_planar and index in transparent:
            continue
        covered = _covered(hole, target.shape[0], target.shape[1])[..., None]
        chosen = covered & ~packed_alpha if packed_alpha is not None else np.broadcast_to(covered, target.shape)
        np.copyto(target, source, where=chosen)


def _planes(frame: VideoFrame) -> list[Array]:
    """(height, width, bytes of a sample) uint8 each, views of the frame."""
    views = []
    for index, plane in enumerate(frame.planes):
        size = _sample_bytes(frame.format, index)
        samples = np.frombuffer(memoryview(plane), np.uint8)
        shape, strides = (plane.height, plane.width, size), (plane.line_size, size, 1)
        views.append(np.lib.stride_tricks.as_strided(samples, shape, strides))
    return views


def _sample_bytes(form: VideoFormat, plane: int) -> int:
    """Of one pixel of the plane."""
    parts = [part for part in form.components if part.plane == plane]
    if not form.is_planar:
        return form.padded_bits_per_pixel // 8
    return sum(-(-part.bits // 8) for part in parts)


def _covered(hole: Array, height: int, width: int) -> Array:
    """(height, width) bool: which samples of a plane that is as large as the picture, or smaller, cover its hole."""
    holes: Array = hole > 0
    for axis, length in ((0, height), (1, width)):
        step = -(-holes.shape[axis] // length)
        if step > 1:
            holes = np.logical_or.reduceat(holes, np.arange(0, holes.shape[axis], step), axis=axis)
    return holes


def _alpha_bytes(form: VideoFormat) -> Array | None:
    """Which bytes of a packed pixel are its transparency; None where none are."""
    if form.is_planar or not any(part.is_alpha for part in form.components):
        return None
    size = form.padded_bits_per_pixel // 8
    each = size // len(form.components)
    flags = np.zeros(size, bool)
    flags[slice(0, each) if form.name.startswith("a") else slice(size - each, size)] = True
    return flags
