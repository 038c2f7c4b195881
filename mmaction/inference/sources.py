"""Whatever holds one video, as a source of frames."""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, TypeGuard

import numpy as np
from PIL import Image

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources import image_files
from mmaction.datasets.sources.base import FrameSource
from mmaction.datasets.sources.directory import find_frames
from mmaction.datasets.sources.image_files import decode_image
from mmaction.datasets.sources.video import VideoFiles, frame_rate, frame_times
from mmaction.datasets.transforms.pipeline import Pipeline, Results
from mmaction.errors import DataError
from mmaction.files import unreadable

IMAGE_SUFFIXES = frozenset({*image_files.IMAGE_SUFFIXES, ".tif", ".tiff"})
UNNAMED = "clip"
_MOST_LETTERS = 60  # of a file's name, which holds 255 bytes
Frame = np.ndarray | Image.Image | str | os.PathLike[str]
VideoSource = str | os.PathLike[str] | IO[bytes] | np.ndarray | Sequence[Frame]


@dataclass(frozen=True)
class Video:
    """One video.

    Attributes:
        name: What it is called.
        source: Where its frames come from.
        source_name: What the source calls it.
        total_frames: How many there are.
        fps: Frames a second, on average; None: not known.
        own_times: float64, N: when each frame is shown, in seconds from the video's beginning;
            None: by the rate.
    """

    name: str
    source: FrameSource
    source_name: str
    total_frames: int
    fps: float | None
    own_times: np.ndarray | None = None

    @property
    def times(self) -> np.ndarray | None:
        """float64, N + 1: when each frame begins to be shown, and when the last one ends."""
        if self.own_times is not None:
            usual = 1 / (self.fps or math.inf)
            last = np.median(np.diff(self.own_times)) if self.total_frames > 1 else usual
            return np.append(self.own_times, self.own_times[-1] + last)
        return None if self.fps is None else np.arange(self.total_frames + 1) / self.fps


class FrameList(FrameSource):
    """The frames of one video, at hand.

    Args:
        frames: uint8 RGB H×W×3 arrays, PIL images or paths of image files, all of one size, by
            their positions.
    """

    data_root = ""

    def __init__(self, frames: Sequence[Frame] | Mapping[int, Frame]) -> None:
        self._frames = frames

    def path(self, name: str, position: int) -> str:
        return f"{name}, frame {position}"

    def frames(self, name: str, positions: Sequence[int]) -> Iterator[np.ndarray]:
        size = None
        for position in positions:
            where = self.path(name, position)
            frame = _pixels(self._frames[position], where)
            size = size or frame.shape
            if frame.shape != size:
                raise DataError(
                    f"{where}: {frame.shape[1]}×{frame.shape[0]} pixels, those before have"
                    f" {size[1]}×{size[0]}"
                )
            yield frame

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        return []


@contextmanager
def opened(given: VideoSource, *, fps: float | None = None) -> Iterator[Video]:
    """One video, to be read within the block.

    Args:
        given: A video file or a file object of one; a directory of numbered frames; an array
            T×H×W×3 of uint8 RGB; a list of such frames, PIL images or image files.
        fps: Frames a second, where the video doesn't say.

    Raises:
        DataError: It is none of these, isn't there, holds no frames or can't be read.
    """
    if isinstance(given, str | os.PathLike):
        yield open_path(Path(given), fps=fps)
    elif hasattr(given, "read"):
        # A decoder wants to go back and forth, which not every file object can.
        with tempfile.TemporaryDirectory() as folder:
            name = Path(str(getattr(given, "name", ""))).name[-_MOST_LETTERS:].strip(".")
            path = Path(folder) / (name or UNNAMED)
            with path.open("wb") as file:
                shutil.copyfileobj(given, file)
            yield open_path(path, fps=fps)
    else:
        frames = _frames_of(given)
        yield Video(UNNAMED, FrameList(frames), UNNAMED, len(frames), fps)


def open_path(path: Path, *, name: str | None = None, fps: float | None = None) -> Video:
    """A video file or a directory of numbered frames.

    Args:
        path: Where it is.
        name: What it shall be called; None: its last part.
        fps: Frames a second, whatever the video says.

    Raises:
        DataError: It isn't there, holds no frames or can't be read.
    """
    if path.is_dir():
        path = path.absolute()
        frames = find_frames(path.parent, path.name, start_index=None)
        return Video(name or path.name, frames, path.name, frames.count(path.name), fps)
    if not path.exists():
        raise DataError(f"video '{path}' does not exist")
    times = frame_times(path)
    if not len(times):
        raise DataError(f"video '{path}' has no frames")
    own_times = None if fps or np.isnan(times).any() else times
    files = VideoFiles(data_root=path.parent)
    rate = fps or frame_rate(path)
    return Video(name or path.name, files, path.name, len(times), rate, own_times)


def packed(video: Video, pipeline: Pipeline) -> dict[str, Any]:
    """What a pipeline makes of a video: ``inputs`` uint8 V×T×H×W×3, ``color``, ``sample``.

    Raises:
        DataError: A frame can't be read.
    """
    return pipeline(unlabelled(video, video.source, video.total_frames))


def unlabelled(video: Video, source: FrameSource, total_frames: int) -> Results:
    """What a pipeline begins with, the same each time.

    Args:
        video: The video.
        source: Of its frames, or of a part of them.
        total_frames: How many these are.
    """
    return {
        "index": 0,
        "name": video.source_name,
        "label": None,
        "total_frames": total_frames,
        "rng": np.random.default_rng(0),
        "source": source,
    }


def is_one_video(given: Any) -> TypeGuard[VideoSource]:
    """Whether it is one video and not a list of several."""
    if isinstance(given, np.ndarray):
        return given.ndim == 4
    if not isinstance(given, Sequence) or isinstance(given, str):
        return True
    return bool(given) and all(_is_frame(each) for each in given)


def _is_frame(given: Any) -> bool:
    if isinstance(given, str | os.PathLike):
        return Path(given).suffix.lower() in IMAGE_SUFFIXES
    return isinstance(given, Image.Image) or (isinstance(given, np.ndarray) and given.ndim == 3)


def _frames_of(given: Any) -> Sequence[Frame]:
    is_array = isinstance(given, np.ndarray)
    if is_array and (given.ndim != 4 or given.shape[3] != 3 or given.dtype != np.uint8):
        raise DataError(
            f"a video of shape {given.shape} and dtype {given.dtype}: expected T×H×W×3, uint8, RGB"
        )
    if not is_array and not (isinstance(given, Sequence) and all(map(_is_frame, given))):
        raise DataError(
            f"a {type(given).__name__} is no video: expected a file, a directory of frames, an"
            " array T×H×W×3 or a list of images"
        )
    if not len(given):
        raise DataError("a video without frames")
    return given


def _pixels(frame: Frame, where: str) -> np.ndarray:
    """uint8 RGB, H×W×3, contiguous."""
    if isinstance(frame, str | os.PathLike):
        try:
            return decode_image(Path(frame).read_bytes(), os.fspath(frame))
        except OSError as e:
            raise unreadable(f"frame '{frame}'", e) from None
    if isinstance(frame, Image.Image):
        frame = np.array(frame.convert("RGB"))
    if frame.ndim != 3 or frame.shape[2] != 3 or frame.dtype != np.uint8:
        raise DataError(
            f"{where}: shape {frame.shape}, dtype {frame.dtype}: expected H×W×3, uint8, RGB"
        )
    return np.ascontiguousarray(frame)
