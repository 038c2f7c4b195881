"""Raw frames packed into one file, for file systems that dislike millions of files.

The pack is a ``.zip`` whose files are stored, not compressed, or an uncompressed ``.tar``. In it,
names are as they would be below a directory: relative to the pack's root, or to the one directory
that all of it lies in (``frames/...``). The bytes of frames are those of the files, unchanged.

A zip keeps a checksum of each file, which is compared whenever a frame is read; a damaged byte
ends in an error that names the frame. A tar has none: there, only the decoder can notice.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Sequence
from typing import Any

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.base import ImageSource
from mmaction.datasets.sources.frame_names import (
    check_template,
    find_naming,
    frame_numbers,
    missing_frame,
)
from mmaction.datasets.sources.packed_file import PACKED_SUFFIXES, PackFile
from mmaction.datasets.sources.packed_index import ROOT, PackError, shown
from mmaction.errors import DataError

__all__ = ["PACKED_SUFFIXES", "PackedFrames", "find_packed_frames"]

_ROOT = ROOT.decode()


class PackedFrames(ImageSource):
    """Frames in a pack: ``<folder>/<name>/<image_tmpl of a number>``.

    Args:
        pack: The pack.
        image_tmpl: File name of a frame, such as ``img_{:05d}.jpg``.
        start_index: The number of the first frame.
        folder: The directory in the pack that names are relative to; ``.``: its root.
    """

    def __init__(
        self, pack: PackFile, *, image_tmpl: str, start_index: int, folder: str = _ROOT
    ) -> None:
        self.pack = pack
        self.data_root = pack.path
        self.image_tmpl = image_tmpl
        self.start_index = start_index
        self.folder = folder
        self._last_found: tuple[str, int | None] = ("", None)

    def __getstate__(self) -> dict[str, Any]:
        return {**vars(self), "_last_found": ("", None)}  # another process may see a newer pack

    def path(self, name: str, position: int) -> str:
        """Path of the frame at a 0-based position of video ``name``, below the pack's."""
        file_name = self.image_tmpl.format(position + self.start_index)
        return os.path.join(self.data_root, self._directory(name), file_name)

    def read(self, name: str, position: int) -> bytes:
        """The file of one frame.

        Raises:
            DataError: It is missing, empty or damaged.
        """
        file = self.image_tmpl.format(position + self.start_index).encode()
        video = self._find(name)
        place = None if video is None else self.pack.index.find(video, file)
        if place is None:
            raise DataError(self._what_is_there(name, position))
        if not place[1]:
            raise DataError(f"frame '{self.path(name, position)}' is empty (zero bytes)")
        directory = self._directory(name)
        stored = file if directory == _ROOT else directory.encode() + b"/" + file
        try:
            return self.pack.read(place, stored)
        except PackError as error:
            raise DataError(
                f"frame '{self.path(name, position)}' can't be read: {error}; the pack is damaged,"
                f" or was changed since '{self.pack.index_path}' was made (delete that file then)"
            ) from None
        except OSError as error:
            raise DataError(
                f"frame '{self.path(name, position)}' can't be read: {error.strerror}"
            ) from None

    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        """Those of the videos that have no file in the pack."""
        present = set(self.pack.index.directories)
        return [i for i in indices if self._directory(annotations.name(i)).encode() not in present]

    def video_names(self) -> Iterator[str]:
        """Names of all directories below ``folder`` that have files, in order."""
        start = "" if self.folder == _ROOT else self.folder + "/"
        for directory in self.pack.index.directories:
            name = shown(directory)
            if name.startswith(start):
                yield name[len(start) :]

    def frame_count(self, name: str) -> int:
        """How many frames by ``image_tmpl`` video ``name`` has; 0 where it is not there."""
        return len(frame_numbers(self.files(name), self.image_tmpl))

    def files(self, name: str) -> list[str]:
        """Names of the files of video ``name``, whatever they are; none where it is not there."""
        video = self._find(name)
        return [] if video is None else [shown(file) for file in self.pack.index.files(video)]

    def _directory(self, name: str) -> str:
        return posixpath.normpath(posixpath.join(self.folder, name))

    def _find(self, name: str) -> int | None:
        """The number of a video's directory in the index; a clip asks for the same many times."""
        if self._last_found[0] != name or self._last_found[1] is None:
            self._last_found = (
                name,
                self.pack.index.directories.find(self._directory(name).encode()),
            )
        return self._last_found[1]

    def _what_is_there(self, name: str, position: int) -> str:
        directory = os.path.join(self.data_root, self._directory(name))
        files = self.files(name)
        if not files:
            return f"frame directory '{directory}' does not exist"
        return missing_frame(
            self.path(name, position),
            directory,
            files,
            image_tmpl=self.image_tmpl,
            number=position + self.start_index,
        )


def find_packed_frames(
    data_root: str | os.PathLike[str],
    name: str,
    *,
    image_tmpl: str | None = None,
    start_index: int | None = None,
) -> PackedFrames:
    """Find out how the frames in a pack are named by looking at one video, and check what is given.

    Args:
        data_root: The pack; ends in one of ``PACKED_SUFFIXES``.
        name: The video to look at.
        image_tmpl: Name of a frame such as ``{:05d}.jpg``; None: found out.
        start_index: Number of the first frame; None: found out, 0 or 1.

    Raises:
        ConfigError: ``image_tmpl`` is no template.
        DataError: The pack can't be used, has not the video, or no frames of that name or number.
    """
    if image_tmpl is not None:
        check_template(image_tmpl)
    pack = PackFile(os.fspath(data_root))
    source = PackedFrames(pack, image_tmpl="", start_index=0)
    if not source.files(name):
        source.folder = pack.index.only_folder
    files = source.files(name)
    directory = os.path.join(source.data_root, posixpath.normpath(name))
    if not files:
        raise DataError(f"frame directory '{directory}' does not exist; {_contents(pack)}")
    source.image_tmpl, source.start_index = find_naming(
        directory, files, image_tmpl=image_tmpl, start_index=start_index
    )
    return source


def _contents(pack: PackFile) -> str:
    """What a pack has, for the message that something is not in it."""
    directories = pack.index.directories
    names = [shown(name) for name in directories[:3]]
    more = ", …" if len(directories) > len(names) else ""
    return f"the pack has {', '.join(names)}{more} ({len(directories)} in all)"
