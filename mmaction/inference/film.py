"""A whole video with its answers drawn into it, at its own size, rate and with its sound."""

from __future__ import annotations

import os
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import av
import numpy as np
from av.container import InputContainer, OutputContainer
from av.video.reformatter import VideoReformatter
from PIL import Image, ImageDraw

from mmaction.datasets.sources.video import frame_rate, open_video, to_rgb
from mmaction.datasets.sources.video_errors import readable_errors
from mmaction.errors import UserError
from mmaction.explain.clip_video import ENCODER, add_h264, as_yuv, check_encoder
from mmaction.explain.colormap import overlay, scale_clip
from mmaction.explain.sheet import BAR, INK, TRACK
from mmaction.explain.sheet_text import fitted, font
from mmaction.files import atomic_path
from mmaction.inference.recognition import Recognition

# Of the frame's height.
_TEXT, _PAD, _STRIP = 0.05, 0.015, 0.02
_LEAST_TEXT = 11  # pixels
DEFAULT_FPS = 25
_TICKS = 90_000  # a second
_USUAL_RATE = 48_000  # of sound, a second


class Timeline:
    """What was recognized of a video's parts, asked by the position of a frame.

    Args:
        parts: In order, each with its maps.
    """

    def __init__(self, parts: Sequence[Recognition]) -> None:
        looks = [
            (int(position), part, frame)
            for part in parts
            for frame, position in enumerate(part.frame_indices)
        ]
        looks.sort(key=lambda look: look[0])
        self._positions = [position for position, _, _ in looks]
        self._looks = [(part, frame) for _, part, frame in looks]
        self._middles = [float(np.mean(part.frame_indices)) for part in parts]
        self._parts = list(parts)

    def look(self, position: int) -> tuple[Recognition, int]:
        """The look at the nearest frame: the part that had it, and which of its T frames it is."""
        return self._looks[_nearest(self._positions, position)]

    def part(self, position: int) -> Recognition:
        """The part in whose middle the frame is most nearly."""
        return self._parts[_nearest(self._middles, position)]


def _nearest(rising: Sequence[float], value: float) -> int:
    right = bisect_left(rising, value)
    if right == len(rising) or (right and value - rising[right - 1] <= rising[right] - value):
        return right - 1
    return right


def draw(frame: np.ndarray, position: int, timeline: Timeline, *, note: str = "") -> np.ndarray:
    """A frame with the map of the nearest look, the label, and how much that moment weighs.

    Args:
        frame: uint8 RGB, H×W×3.
        position: Of the frame in the video.
        timeline: Of the video.
        note: What stands behind the label.

    Returns:
        Likewise, its sides made even by leaving out a row or column.
    """
    height, width = (side - side % 2 for side in frame.shape[:2])
    picture = np.ascontiguousarray(frame[:height, :width])
    part, number = timeline.look(position)
    assert part.spatial is not None
    assert part.temporal is not None
    assert part.region is not None
    left, top, wide, high = part.region
    across = slice(max(round(left), 0), min(round(left + wide), width))
    down = slice(max(round(top), 0), min(round(top + high), height))
    shown = scale_clip(part.spatial)[number]
    picture[down, across] = overlay(picture[None, down, across], shown[None])[0]
    return _labelled(picture, timeline.part(position), float(part.temporal[number]), note)


def _labelled(picture: np.ndarray, part: Recognition, weight: float, note: str) -> np.ndarray:
    height, width = picture.shape[:2]
    size, pad = max(round(_TEXT * height), _LEAST_TEXT), max(round(_PAD * height), 2)
    image = Image.fromarray(picture)
    canvas = ImageDraw.Draw(image)
    ((label, probability),) = part.top(1)
    text = fitted(f"{label}  {probability:.0%}  {note}".rstrip(), size, width - 4 * pad)
    box = canvas.textbbox((2 * pad, 2 * pad), text, font=font(size))
    canvas.rectangle((pad, pad, box[2] + pad, box[3] + pad), fill="white")
    canvas.text((2 * pad, 2 * pad), text, fill=INK, font=font(size))
    strip = max(round(_STRIP * height), 3)
    canvas.rectangle((0, height - strip, width, height), fill=TRACK)
    canvas.rectangle((0, height - strip, round(weight * width), height), fill=BAR)
    return np.asarray(image)


def write_film(
    source: str | os.PathLike[str], parts: Sequence[Recognition], out: str | os.PathLike[str]
) -> None:
    """Writes a video file with its parts' answers as H.264 in MP4, whole or not at all.

    Args:
        source: The video file.
        parts: Of ``VideoRecognizer.windows`` with ``explain``, in order.
        out: The film.

    Raises:
        DataError: The video can't be read.
        UserError: PyAV can't write H.264, or the film can't be written.
    """
    timeline = Timeline(parts)
    with (
        readable_errors(source),
        av.open(os.fspath(source), metadata_errors="ignore") as heard,
        new_film(out, fps=frame_rate(source)) as film,
    ):
        sound = _Sound(heard, film.container, source)
        for position, (time, picture) in enumerate(_frames(source)):
            film.write(draw(picture, position, timeline), time)
            sound.write_until(time)
        sound.write_until(float("inf"))


class Film:
    """Pictures of one size and their times as the H.264 of a film.

    Args:
        container: The film.
        fps: About how many there are a second; None: not known.
    """

    def __init__(self, container: OutputContainer, *, fps: float | None) -> None:
        self.container = container
        self._rate = Fraction(fps or DEFAULT_FPS).limit_denominator(1001)
        self.stream: Any = None
        self._reformatter = VideoReformatter()

    def write(self, picture: np.ndarray, time: float) -> None:
        """Adds a picture.

        Args:
            picture: uint8 RGB, H×W×3, both even.
            time: When it is shown, in seconds.
        """
        if self.stream is None:
            height, width = picture.shape[:2]
            self.stream = add_h264(self.container, rate=self._rate, height=height, width=width)
            self.stream.codec_context.time_base = Fraction(1, _TICKS)
        frame = as_yuv(picture, self._reformatter)
        frame.time_base, frame.pts = Fraction(1, _TICKS), round(time * _TICKS)
        self.container.mux(self.stream.encode(frame))


@contextmanager
def new_film(out: str | os.PathLike[str], *, fps: float | None = None) -> Iterator[Film]:
    """A film, which is whole or not there; within it, what is read must say so itself if it fails.

    Args:
        out: The film.
        fps: As of ``Film``.

    Raises:
        UserError: PyAV can't write H.264, or the film can't be written.
    """
    check_encoder(ENCODER)
    options = {"movflags": "+faststart"}
    try:
        with (
            atomic_path(out) as draft,
            av.open(str(draft), "w", format="mp4", options=options) as container,
        ):
            film = Film(container, fps=fps)
            yield film
            if film.stream is not None:
                container.mux(film.stream.encode())  # what the encoder still holds
    except (av.FFmpegError, OSError) as e:
        raise UserError(f"film '{out}' can't be written: {e.strerror or e}") from e


def _frames(source: str | os.PathLike[str]) -> Iterator[tuple[float, np.ndarray]]:
    """When each frame is shown, in seconds from the beginning of the file, and its pixels."""
    reformatter = VideoReformatter()
    with open_video(source) as (video, stream):
        begin = _begin(video)
        for number, frame in enumerate(video.decode(stream)):
            time = number / float(stream.average_rate or DEFAULT_FPS)
            yield time if frame.time is None else frame.time - begin, to_rgb(frame, reformatter)


def _begin(container: InputContainer) -> float:
    """When a file begins, in its own seconds: a part of a broadcast has hours."""
    return (container.start_time or 0) / av.time_base


class _Sound:
    """The first sound of a video file, written into a film as it goes: AAC, mono or stereo.

    Args:
        heard: The video file, opened for the sound alone.
        film: What it is written into.
        source: What messages call the video file.
    """

    def __init__(
        self, heard: InputContainer, film: OutputContainer, source: str | os.PathLike[str]
    ) -> None:
        self._film, self._source = film, source
        self._begin = _begin(heard)
        stream = next(iter(heard.streams.audio), None)
        self._done = stream is None
        if stream is not None:
            self._frames = heard.decode(stream)
            known = av.codec.Codec("aac", "w").audio_rates or ()
            self._out: Any = film.add_stream(
                "aac", rate=stream.rate if stream.rate in known else _USUAL_RATE
            )
            # A stream of plain samples often doesn't say which channels it has.
            self._out.layout = "mono" if stream.layout.nb_channels == 1 else "stereo"

    def write_until(self, time: float) -> None:
        """Writes what is heard before ``time``, in seconds; at infinity, all that is left."""
        while not self._done:
            with readable_errors(self._source):
                frame = next(self._frames, None)
            if frame is None:
                self._film.mux(self._out.encode())
                self._done = True
                return
            if frame.pts is not None and frame.time_base is not None:
                frame.pts -= round(self._begin / frame.time_base)
            self._film.mux(self._out.encode(frame))
            if frame.time is not None and frame.time > time:
                return
