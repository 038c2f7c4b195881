"""Raw frames: a directory a video, an image file a frame."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.frame_source import ImageSource
from mmaction.errors import ConfigError, DataError

_TEMPLATE = re.compile(r"(?P<prefix>[^{}/\\]*)\{(?::0?\d*d?)?\}(?P<suffix>[^{}/\\]*)")
_NUMBERED = re.compile(
    r"(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\.(?:jpe?g|png|bmp|webp))", re.IGNORECASE
)
# Names that are surely pictures of the scene, where other series (optical flow) lie beside them.
_USUAL_PREFIXES = ("img_", "image_", "frame_", "")
_FIRST_NUMBERS = (0, 1)


@dataclass(frozen=True)
class FrameDirectory(ImageSource):
    """Where the frames of a data set lie: ``data_root/<name>/<image_tmpl of a number>``.

    Attributes:
        data_root: Directory of the videos' directories.
        image_tmpl: File name of a frame, such as ``img_{:05d}.jpg``.
        start_index: The number of the first frame.
    """

    data_root: str
    image_tmpl: str
    start_index: int

    def path(self, name: str, position: int) -> str:
        """Path of the frame at a 0-based position of video ``name``."""
        file_name = self.image_tmpl.format(position + self.start_index)
        return os.path.join(self.data_root, name, file_name)

    def read(self, name: str, position: int) -> bytes:
        """The file of one frame.

        Raises:
            DataError: It is missing, empty, no file or may not be read.
        """
        path = self.path(name, position)
        try:
            with open(path, "rb", buffering=0) as file:
                data = file.read()
        except FileNotFoundError:
            raise DataError(self._what_is_there(name, position)) from None
        except IsADirectoryError:
            raise DataError(f"frame '{path}' is a directory, not an image file") from None
        except OSError as error:
            raise DataError(f"frame '{path}' can't be read: {error.strerror}") from None
        if not data:
            raise DataError(f"frame '{path}' is empty (zero bytes)")
        return data

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        """Those of the videos that have no directory.

        Every parent directory is listed once, which is much faster than asking for each video.
        """
        if not os.path.isdir(self.data_root):
            raise DataError(f"data_root '{self.data_root}' is not a directory")
        children: dict[str, list[int]] = defaultdict(list)
        for index in indices:
            children[os.path.dirname(annotations.name(index).rstrip("/"))].append(index)
        missing = []
        for parent, members in children.items():
            present = _directories(os.path.join(self.data_root, parent))
            for index in members:
                name = annotations.name(index)
                # A second look decides: listings differ on file systems that fold letters.
                if os.path.basename(name.rstrip("/")) not in present and not os.path.isdir(
                    os.path.join(self.data_root, name)
                ):
                    missing.append(index)
        return sorted(missing)

    def _what_is_there(self, name: str, position: int) -> str:
        """Say of a missing frame which ones its directory has."""
        path = self.path(name, position)
        directory = os.path.dirname(path)
        if not os.path.isdir(directory):
            return f"frame directory '{directory}' does not exist"
        numbers = frame_numbers(os.listdir(directory), self.image_tmpl)
        if not numbers:
            return f"frame '{path}' does not exist; {_listing(directory)}"
        wanted = position + self.start_index
        below = max((n for n in numbers if n < wanted), default=None)
        above = min((n for n in numbers if n > wanted), default=None)
        nearest = [self.image_tmpl.format(n) for n in (below, above) if n is not None]
        return (
            f"frame '{path}' does not exist; the directory has {len(numbers)} frames,"
            f" the nearest {' and '.join(nearest)}"
        )


def find_frames(
    data_root: str | os.PathLike[str],
    name: str,
    *,
    image_tmpl: str | None = None,
    start_index: int | None = None,
) -> FrameDirectory:
    """Find out how frames are named by looking at one video, and check what is given.

    Args:
        data_root: Directory of the videos' directories.
        name: The video to look at.
        image_tmpl: Name of a frame such as ``{:05d}.jpg``; None: found out.
        start_index: Number of the first frame; None: found out, 0 or 1.

    Raises:
        ConfigError: ``image_tmpl`` is no template.
        DataError: The directory is missing, or holds no frames of that name or number; the
            message lists what is there.
    """
    if image_tmpl is not None and not _TEMPLATE.fullmatch(image_tmpl):
        raise ConfigError(
            f"image_tmpl='{image_tmpl}' is no file name with one number such as 'img_{{:05d}}.jpg'"
        )
    directory = os.path.join(data_root, name)
    if not os.path.isdir(data_root):
        raise DataError(f"data_root '{os.fspath(data_root)}' is not a directory")
    if not os.path.isdir(directory):
        raise DataError(f"frame directory '{directory}' does not exist")
    files = os.listdir(directory)
    if image_tmpl is None:
        image_tmpl = _find_template(directory, files)
    numbers = frame_numbers(files, image_tmpl)
    if not numbers:
        raise DataError(f"no frame fits image_tmpl='{image_tmpl}'; {_listing(directory)}")
    first = min(numbers)
    if start_index is None and first not in _FIRST_NUMBERS:
        raise DataError(
            f"'{directory}': frames start at number {first}, neither 0 nor 1;"
            f" give start_index if that is right; {_listing(directory)}"
        )
    if start_index is not None and start_index not in numbers:
        raise DataError(
            f"no frame '{image_tmpl.format(start_index)}' for start_index={start_index};"
            f" {_listing(directory)}"
        )
    return FrameDirectory(
        data_root=os.fspath(data_root),
        image_tmpl=image_tmpl,
        start_index=first if start_index is None else start_index,
    )


def frame_numbers(files: list[str], image_tmpl: str) -> set[int]:
    """Numbers of the files that are frames by ``image_tmpl``."""
    match = _TEMPLATE.fullmatch(image_tmpl)
    assert match is not None, "templates are checked where they come in"
    prefix, suffix = match["prefix"], match["suffix"]
    numbers = set()
    for file in files:
        number = file.removeprefix(prefix).removesuffix(suffix)
        if number.isascii() and number.isdigit() and image_tmpl.format(int(number)) == file:
            numbers.add(int(number))
    return numbers


def _find_template(directory: str, files: list[str]) -> str:
    """The template of a directory's only series of numbered images, or of its usual one."""
    widths: dict[tuple[str, str], list[int]] = defaultdict(list)
    for file in files:
        match = _NUMBERED.fullmatch(file)
        if match:
            widths[match["prefix"], match["suffix"]].append(len(match["number"]))
    usual = [key for key in widths if key[0] in _USUAL_PREFIXES]
    candidates = list(widths) if len(widths) == 1 else usual
    if len(candidates) != 1:
        what = "several series of numbered images" if widths else "no numbered images"
        raise DataError(f"image_tmpl can't be found out: {what}; {_listing(directory)}")
    [(prefix, suffix)] = candidates
    width = min(widths[prefix, suffix])
    return f"{prefix}{{:0{width}d}}{suffix}" if width > 1 else f"{prefix}{{:d}}{suffix}"


def _listing(directory: str) -> str:
    """A short account of what a directory holds."""
    files = sorted(os.listdir(directory))
    if not files:
        return f"'{directory}' is empty"
    shown = ", ".join(files) if len(files) <= 4 else f"{', '.join(files[:3])}, …, {files[-1]}"
    return f"'{directory}' holds {shown} ({len(files)} in all)"


def _directories(path: str) -> set[str]:
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError:
        return set()
