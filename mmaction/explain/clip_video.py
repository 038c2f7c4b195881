"""One clip as a short film: the frame beside its overlay, the temporal weights under both."""

from __future__ import annotations

from fractions import Fraction
from itertools import pairwise
from math import ceil
from pathlib import Path

import av
import numpy as np
from av.codec.codec import UnknownCodecError
from av.container import OutputContainer
from av.video.reformatter import ColorRange, Colorspace, VideoReformatter
from av.video.stream import VideoStream
from PIL import Image, ImageDraw

from mmaction.errors import UserError
from mmaction.explain.colormap import limited, overlay, resize_frames, scale_clip, to_gray
from mmaction.explain.records import ClipExplanation
from mmaction.explain.sheet import (
    BACKGROUND,
    BAR,
    FAINT_INK,
    INK,
    PEAK,
    TRACK,
    bar_heights,
    format_numbers,
)
from mmaction.explain.sheet_text import SMALL, fitted, font
from mmaction.files import atomic_path

ENCODER = "libx264"
DEFAULT_FPS = 8.0
SLOWEST, FASTEST = 0.5, 60.0  # frames a second of a player
# All in pixels.
SMALLEST, LARGEST = 192, 640  # longer side of a picture
MIDDLE_GAP = 4
STRIP_PAD = 6
STRIP_BARS = 36
STRIP_TEXT = 20
STRIP_HEIGHT = STRIP_PAD + STRIP_BARS + STRIP_TEXT


def write_clip(explanation: ClipExplanation, path: str | Path, *, fps: float = DEFAULT_FPS) -> None:
    """Write a clip as H.264 in MP4 that browsers play, whole or not at all.

    yuv420p, BT.709, its index in front; one film frame a frame of the clip.

    Args:
        explanation: The clip.
        path: Where to; the name's end doesn't matter.
        fps: Frames a second, above 0.
    """
    pictures = compose_clip(explanation)
    rate = Fraction(fps).limit_denominator(1000)
    options = {"movflags": "+faststart"}
    with (
        atomic_path(path) as draft,
        av.open(str(draft), "w", format="mp4", options=options) as container,
    ):
        height, width = pictures.shape[1:3]
        stream = add_h264(container, rate=rate, height=height, width=width)
        # One for all: making it, with its threads, takes longer than its work.
        reformatter = VideoReformatter()
        for picture in pictures:
            container.mux(stream.encode(as_yuv(picture, reformatter)))
        container.mux(stream.encode())


def add_h264(container: OutputContainer, *, rate: Fraction, height: int, width: int) -> VideoStream:
    """A stream of H.264 in yuv420p, BT.709, which browsers play.

    Args:
        container: Where it goes.
        rate: Frames a second.
        height: Of a frame, even.
        width: Likewise.
    """
    # crf says the quality; a slower preset halves the file in twice the time.
    options = {"crf": "18", "preset": "ultrafast"}
    stream = container.add_stream(ENCODER, rate=rate, options=options)
    assert isinstance(stream, VideoStream)
    stream.height, stream.width = height, width
    stream.pix_fmt = "yuv420p"
    stream.thread_count = 1  # pictures are small, and other processes write their own
    # 1: BT.709. Said in the file, or players guess by the picture's size.
    stream.codec_context.color_primaries = 1
    stream.codec_context.color_trc = 1
    stream.codec_context.colorspace = 1
    stream.codec_context.color_range = ColorRange.MPEG
    return stream


def as_yuv(picture: np.ndarray, reformatter: VideoReformatter) -> av.VideoFrame:
    """A frame for the stream of ``add_h264``.

    Args:
        picture: uint8 RGB, H×W×3.
        reformatter: One for all frames of a film.
    """
    return reformatter.reformat(
        av.VideoFrame.from_ndarray(picture, format="rgb24"),
        format="yuv420p",
        dst_colorspace=Colorspace.ITU709,
        dst_color_range=ColorRange.MPEG,
        threads=1,
    )


def shown_rate(fps: float | None, frame_indices: np.ndarray) -> float | None:
    """Frames of a clip a second, so that it lasts as long as in the video; None: not known.

    Args:
        fps: Of the video.
        frame_indices: int, T: the clip's frames in the video.
    """
    if fps is None or len(frame_indices) < 2:
        return None
    step = float(np.abs(np.diff(frame_indices)).mean())
    return float(np.clip(fps / max(step, 1e-6), SLOWEST, FASTEST))


def check_encoder(name: str) -> None:
    """Make sure that PyAV can encode with ``name``.

    Raises:
        UserError: where it can't.
    """
    try:
        av.codec.Codec(name, "w")
    except UnknownCodecError as error:
        raise UserError(
            f"clip.mp4 needs the encoder {name}, which this PyAV {av.__version__} was built "
            "without; the wheel of 'pip install av' has it"
        ) from error


def compose_clip(explanation: ClipExplanation) -> np.ndarray:
    """Draw the film's pictures: the frame, right of it its map over grey, below both the strip.

    Small crops are enlarged by a whole factor, until the longer side has 192 pixels.

    Returns:
        uint8 RGB, T×height×width×3, with even height and width.
    """
    height, width = shown_size(*explanation.frames.shape[1:3])
    frames = resize_frames(explanation.frames, height, width)
    total = 2 * width + MIDDLE_GAP
    shape = (len(frames), _even(height + STRIP_HEIGHT), _even(total), 3)
    pictures = np.full(shape, BACKGROUND, dtype=np.uint8)
    pictures[:, :height, :width] = frames
    pictures[:, :height, width + MIDDLE_GAP : total] = overlay(
        to_gray(frames), scale_clip(explanation.spatial)
    )
    _draw_strip(pictures[:, height : height + STRIP_HEIGHT, :total], explanation)
    return pictures


def shown_size(height: int, width: int) -> tuple[int, int]:
    """Return the size at which a frame of height×width pixels is shown."""
    height, width = limited(height, width, longest=LARGEST)
    factor = ceil(SMALLEST / max(height, width))
    return factor * height, factor * width


def _even(length: int) -> int:
    return length + length % 2


def _draw_strip(strip: np.ndarray, explanation: ClipExplanation) -> None:
    """Draw every weight into every picture, the present one apart from the others."""
    clip_len, _, width, _ = strip.shape
    edges = np.rint(np.linspace(0, width, clip_len + 1)).astype(int)
    spacing = 2 if width // clip_len >= 8 else 0
    heights = bar_heights(explanation.temporal, STRIP_BARS)
    bottom = STRIP_PAD + STRIP_BARS
    strip[:, STRIP_PAD:bottom] = TRACK
    for index, (left, right) in enumerate(pairwise(edges)):
        right = max(right - spacing, left + 1) if index + 1 < clip_len else right
        top = bottom - heights[index]
        strip[:, top:bottom, left:right] = BAR
        strip[index, top:bottom, left:right] = PEAK
        # A short bar must be seen to be the present one, too.
        strip[index, bottom : bottom + 3, left:right] = PEAK
        if spacing:
            strip[:, STRIP_PAD:bottom, right : edges[index + 1]] = BACKGROUND
    weights = format_numbers(explanation.temporal)
    for index, number in enumerate(explanation.frame_indices.tolist()):
        strip[index, bottom + 3 :] = _strip_text(
            f"frame {number}", f"weight {weights[index]}", width
        )


def _strip_text(left: str, right: str, width: int) -> np.ndarray:
    image = Image.new("RGB", (width, STRIP_TEXT - 3), BACKGROUND)
    draw = ImageDraw.Draw(image)
    draw.text((4, 0), fitted(left, SMALL, width / 2 - 8), FAINT_INK, font(SMALL))
    right = fitted(right, SMALL, width / 2 - 8)
    draw.text((width - 4, 0), right, INK, font(SMALL), anchor="ra")
    return np.asarray(image)
