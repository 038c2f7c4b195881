"""Video files, of which only the wanted frames are decoded.

PyAV decodes. A frame's position is its rank in order of presentation, so that a variable frame rate
changes nothing. Where the container's packets bear the frames' time stamps (mp4, webm and their
kin), positions are found by reading the packets without decoding them, and decoding starts at the
key frame before the clip; others (AVI, MPEG streams) are decoded from their start. Frames stand
as a player would show them: a rotation that the file names is applied.
"""

from __future__ import annotations

import os
from collections.abc import Container, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import av
import numpy as np
from av.container import InputContainer
from av.video.frame import VideoFrame
from av.video.reformatter import VideoReformatter
from av.video.stream import VideoStream

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import FrameSource, Inspection, Result
from mmaction.datasets.sources.video_errors import readable_errors
from mmaction.errors import DataError

QUARTER_TURN = 90
# Names of FFmpeg's demuxers.
SEEKABLE = frozenset({"mov", "mp4", "matroska", "webm", "flv"})


class VideoFiles(FrameSource):
    """The video files below ``data_root``; a name is a file's path relative to it.

    Args:
        data_root: A directory.
    """

    start_index = 0

    def __init__(self, *, data_root: str | os.PathLike[str]) -> None:
        self.data_root = os.fspath(data_root)
        if not os.path.isdir(self.data_root):
            raise DataError(f"data_root '{self.data_root}' is not a directory")

    def path(self, name: str, position: int) -> str:
        return f"{self.file(name)} (frame {position})"

    def frames(self, name: str, positions: Sequence[int]) -> Iterator[np.ndarray]:
        yield from read_frames(self.file(name), positions)

    def stream(self, name: str, positions: Iterable[int]) -> Iterator[np.ndarray]:
        return stream_frames(self.file(name), positions)

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        return [i for i in indices if not os.path.isfile(self.file(annotations.name(i)))]

    def count(self, name: str) -> int:
        return count_frames(self.file(name))

    def inspect(self, name: str, inspection: Inspection[Result]) -> Result:
        return inspection.video_file(self.file(name))


def count_frames(path: str | os.PathLike[str]) -> int:
    """How many frames a video file has; nothing is decoded where its packets can be counted.

    Raises:
        DataError: It can't be read as a video.
    """
    return len(frame_times(path))


def frame_times(path: str | os.PathLike[str]) -> np.ndarray:
    """When each frame of a video file is shown; decoded where it takes that to count them.

    Returns:
        float64, N: seconds from the file's beginning, rising; by the average rate where the frames
        bear no times, NaN where there is none either.

    Raises:
        DataError: It can't be read as a video.
    """
    with open_video(path) as (container, stream):
        if _is_seekable(container):
            assert stream.time_base is not None
            times = _time_stamps(container, stream, path) * float(stream.time_base)
        else:
            times = np.array([frame.time for frame in container.decode(stream)], np.float64)
        rate = float(stream.average_rate or np.nan)
        begin = (container.start_time or 0) / av.time_base
    if not (np.diff(times) > 0).all() or np.isnan(times).any():
        return np.arange(len(times)) / rate
    return times - begin


def frame_rate(path: str | os.PathLike[str]) -> float | None:
    """Frames a second of a video file, on average; None where it doesn't say.

    Raises:
        DataError: It can't be read as a video.
    """
    with open_video(path) as (_, stream):
        return float(stream.average_rate) if stream.average_rate else None


def read_frames(path: str | os.PathLike[str], positions: Sequence[int]) -> np.ndarray:
    """Decode some frames of a video file.

    Args:
        path: The file.
        positions: D of them, 0-based in order of presentation, rising.

    Returns:
        uint8 RGB, D×H×W×3.

    Raises:
        DataError: The file or one of the frames can't be read; names it.
    """
    with open_video(path) as (container, stream):
        if _is_seekable(container):
            stamps = _time_stamps(container, stream, path)
            _require_frames(path, positions, len(stamps))
            slots = {int(stamps[position]): slot for slot, position in enumerate(positions)}
            # From the start where the key frame before the clip was not what its index says.
            for start in (min(slots), int(stamps[0])):
                container.seek(start, stream=stream, backward=True)
                pixels, missing = _take(_decoded(container, stream, slots), slots, path)
                if not missing:
                    return pixels
        else:
            slots = {position: slot for slot, position in enumerate(positions)}
            pixels, missing = _take(enumerate(container.decode(stream)), slots, path)
            if not missing:
                return pixels
    _require_frames(path, positions, count_frames(path))
    raise DataError(f"video '{path}': frame {positions[min(missing)]} can't be decoded")


def stream_frames(path: str | os.PathLike[str], positions: Iterable[int]) -> Iterator[np.ndarray]:
    """Decodes a video file from its start, once.

    Args:
        path: The file.
        positions: 0-based in order of presentation, rising; each is asked for once the frame before
            it was taken.

    Yields:
        uint8 RGB, H×W×3, of each position.

    Raises:
        DataError: The file or one of the frames can't be read; names it.
    """
    wanted = iter(positions)
    position = next(wanted, None)
    reformatter = VideoReformatter()
    with open_video(path) as (container, stream):
        for number, frame in enumerate(container.decode(stream)):
            if position is None:
                return
            if number == position:
                yield np.ascontiguousarray(to_rgb(frame, reformatter))
                position = next(wanted, None)
    if position is not None:
        raise DataError(f"video '{path}': frame {position} can't be decoded")


def _require_frames(path: str | os.PathLike[str], positions: Sequence[int], total: int) -> None:
    if positions[-1] >= total:
        raise DataError(
            f"video '{path}' has {total} frames; frame {positions[-1]}, counted from 0, is not"
            " there: correct the number in its annotation"
        )


def _take(
    frames: Iterable[tuple[int | None, VideoFrame]],
    slots: dict[int, int],
    path: str | os.PathLike[str],
) -> tuple[np.ndarray, set[int]]:
    """The frames of some keys, each in its slot, and the slots of those that don't come.

    No more are decoded than it takes.

    Args:
        frames: With their keys, positions or time stamps.
        slots: By key, from 0 on.
        path: Of the file, for messages.
    """
    reformatter = VideoReformatter()  # one for all: making it takes longer than its work
    pixels = np.empty(0, dtype=np.uint8)
    missing = set(slots.values())
    for key, frame in frames:
        if key not in slots:
            continue
        image = to_rgb(frame, reformatter)
        if not pixels.size:
            pixels = np.empty((len(slots), *image.shape), dtype=np.uint8)
        if image.shape != pixels.shape[1:]:
            raise DataError(f"video '{path}': its frames change their size within a clip")
        pixels[slots[key]] = image
        missing.discard(slots[key])
        if not missing:
            break
    return pixels, missing


@contextmanager
def open_video(
    path: str | os.PathLike[str], **options: Any
) -> Iterator[tuple[InputContainer, VideoStream]]:
    """A file and its best video stream, open for the block and decoded by one thread.

    Args:
        path: The file.
        **options: Of ``av.open``.

    Raises:
        DataError: PyAV can't read it, when it is opened or in the block; names it.
        MemoryError: There is too little of it.
    """
    path = os.fspath(path)
    with readable_errors(path), av.open(path, metadata_errors="ignore", **options) as container:
        # Not the first one, which may be a cover picture or a thumbnail.
        stream = container.streams.best("video")
        if stream is None:
            raise DataError(f"video '{path}' has no video stream")
        assert isinstance(stream, VideoStream)
        if stream.codec_context is None:
            raise DataError(f"video '{path}' can't be read: its codec is not known")
        # Workers are the threads here.
        stream.codec_context.thread_count = 1
        yield container, stream


def _is_seekable(container: InputContainer) -> bool:
    """Whether the packets bear time stamps that are those of the frames."""
    return not SEEKABLE.isdisjoint(container.format.name.split(","))


def _time_stamps(
    container: InputContainer, stream: VideoStream, path: str | os.PathLike[str]
) -> np.ndarray:
    """The frames' time stamps in order of presentation, in the stream's units; int64, N."""
    stamps = [
        packet.pts
        for packet in container.demux(stream)
        if packet.pts is not None and packet.size and not packet.is_discard
    ]
    if not stamps:
        raise DataError(f"video '{path}' has no frames")
    return np.unique(np.array(stamps, dtype=np.int64))


def _decoded(
    container: InputContainer, stream: VideoStream, wanted: Container[int]
) -> Iterator[tuple[int | None, VideoFrame]]:
    """Frames with their time stamps, from where the container stands, among them all ``wanted``."""
    # Opened first: some decoders (dav1d) keep for good the option that they are opened with.
    stream.codec_context.open(strict=False)
    for packet in container.demux(stream):
        # What nothing else is predicted from is not decoded unless it is asked for.
        unneeded = packet.pts is not None and packet.pts not in wanted
        stream.codec_context.skip_frame = "NONREF" if unneeded else "DEFAULT"
        yield from ((frame.pts, frame) for frame in packet.decode())


def to_rgb(frame: VideoFrame, reformatter: VideoReformatter) -> np.ndarray:
    """Pixels of a frame, turned by whole quarters as the file says that it is to be shown.

    Args:
        frame: As it was decoded; its own colour matrix and range are gone by.
        reformatter: One for all frames of a video: making it takes longer than its work.

    Returns:
        uint8 RGB, H×W×3; where it was turned, not contiguous.
    """
    pixels = reformatter.reformat(frame, format="rgb24", threads=1).to_ndarray()
    turns = round(frame.rotation / QUARTER_TURN)  # counter-clockwise
    return np.rot90(pixels, turns) if turns else pixels
