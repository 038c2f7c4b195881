"""Raw frames: a directory a video, an image file a frame."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import ImageSource
from mmaction.datasets.sources.image_files import check_template, find_naming
from mmaction.errors import DataError
from mmaction.files import unreadable


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
        file_name = self.template(name).format(position + self.start_index)
        return os.path.join(self.data_root, name, file_name)

    def load(self, path: str) -> bytes:
        """The file at a frame's path.

        Raises:
            OSError: It is missing, no file or may not be read.
        """
        with open(path, "rb", buffering=0) as file:
            return file.read()

    def read(self, name: str, position: int) -> bytes:
        """The file of one frame.

        Raises:
            DataError: It is missing, empty, no file or may not be read.
        """
        path = self.path(name, position)
        try:
            data = self.load(path)
        except FileNotFoundError:
            if self.has_other_suffix(name):
                return self.read(name, position)
            raise DataError(self.what_is_there(name, position)) from None
        except IsADirectoryError:
            raise DataError(f"frame '{path}' is a directory, not an image file") from None
        except OSError as error:
            raise unreadable(f"frame '{path}'", error) from None
        if not data:
            raise DataError(f"frame '{path}' is empty (zero bytes)")
        return data

    def file_names(self, name: str) -> list[str]:
        return os.listdir(os.path.join(self.data_root, name))

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


def find_frames(
    data_root: str | os.PathLike[str],
    name: str,
    *,
    image_tmpl: str | None = None,
    start_index: int | None = None,
    kind: type[FrameDirectory] = FrameDirectory,
) -> FrameDirectory:
    """Find out how frames are named by looking at one video, and check what is given.

    Args:
        data_root: Directory of the videos' directories.
        name: The video to look at.
        image_tmpl: Name of a frame such as ``{:05d}.jpg``; None: found out.
        start_index: Number of the first frame; None: found out, 0 or 1.
        kind: Of the source, where the directories are not such of the file system.

    Raises:
        ConfigError: ``image_tmpl`` is no template.
        DataError: The directory is missing, or holds no frames of that name or number; the
            message lists what is there.
    """
    if image_tmpl is not None:
        check_template(image_tmpl)
    source = kind(os.fspath(data_root), image_tmpl or "", start_index or 0)
    directory = source.file(name)
    try:
        files = source.file_names(name)
    except (FileNotFoundError, NotADirectoryError):
        if not os.path.exists(data_root):
            raise DataError(f"data_root '{source.data_root}' is not a directory") from None
        raise DataError(f"frame directory '{directory}' does not exist") from None
    image_tmpl, start_index = find_naming(
        directory, files, image_tmpl=image_tmpl, start_index=start_index
    )
    return replace(source, image_tmpl=image_tmpl, start_index=start_index)


def _directories(path: str) -> set[str]:
    try:
        with os.scandir(path) as entries:
            return {entry.name for entry in entries if entry.is_dir()}
    except OSError:
        return set()
