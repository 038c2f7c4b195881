"""Where the frames of a data set come from: what directories, packs and videos share."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from functools import cached_property
from typing import Protocol, TypeVar

import numpy as np

from mmaction.datasets.annotations import AnnotationList
from mmaction.datasets.sources.image_files import (
    decode_image,
    frame_numbers,
    listing,
    other_suffix,
    template_of,
)
from mmaction.errors import DataError

Result = TypeVar("Result", covariant=True)


class Inspection(Protocol[Result]):
    """A look at one video by what it is made of; mmaction.datacheck has them."""

    def images(self, source: ImageSource, name: str) -> Result:
        """Of image files, a file a frame."""

    def video_file(self, path: str) -> Result:
        """Of one video file."""


class FrameSource(ABC):
    """The frames of all videos below one ``data_root``. Pickles small: workers get a copy.

    Attributes:
        data_root: Directory or file, as the config names it.
        start_index: The number of a video's first frame.
    """

    data_root: str
    start_index: int = 0

    def file(self, name: str) -> str:
        """Path of a video: its file, or the directory of its frames, which may lie in a pack."""
        return os.path.join(self.data_root, name)

    @abstractmethod
    def path(self, name: str, position: int) -> str:
        """Where the frame at a 0-based position of video ``name`` comes from, for messages."""

    @abstractmethod
    def frames(self, name: str, positions: Sequence[int]) -> Iterator[np.ndarray]:
        """The pixels of some frames, one after the other.

        Args:
            name: The video, as its annotation writes it.
            positions: D of them, 0-based, rising.

        Yields:
            uint8 RGB, H×W×3, D times; the next frame may be written over it.

        Raises:
            DataError: A frame that is missing, can't be decoded or has another size; names it.
        """

    def stream(self, name: str, positions: Iterable[int]) -> Iterator[np.ndarray]:
        """As ``frames``, of as many as there are: none is held, and none is written over.

        Args:
            name: The video.
            positions: 0-based, rising; each is asked for once the frame before it was taken.
        """
        for position in positions:
            yield from map(np.copy, self.frames(name, [position]))

    @abstractmethod
    def missing(self, annotations: AnnotationList, indices: Sequence[int]) -> list[int]:
        """Those of the videos ``indices`` that are not there, without reading any.

        Raises:
            DataError: ``data_root`` itself is not there.
        """

    def count(self, name: str) -> int:
        """How many frames video ``name`` has.

        Raises:
            DataError: It can't be read, or this kind of source doesn't count.
        """
        raise DataError(
            f"'{self.file(name)}': {type(self).__name__} does not count frames; name their number"
            " in the annotation"
        )

    def inspect(self, name: str, inspection: Inspection[Result]) -> Result:
        """Have video ``name`` looked at as what it is: one call of a method of ``inspection``.

        Raises:
            DataError: This kind of source has no such look.
        """
        raise DataError(
            f"'{self.file(name)}' can't be checked: {type(self).__name__} has no inspect"
        )


class ImageSource(FrameSource):
    """A source whose frames are image files.

    Attributes:
        image_tmpl: File name of a frame, such as ``img_{:05d}.jpg``; ``{video}`` in it is the name
            of the video's directory.
    """

    image_tmpl: str

    @cached_property
    def other_templates(self) -> dict[str, str]:
        """Of the videos whose files have another suffix, as far as they were met."""
        return {}

    @abstractmethod
    def read(self, name: str, position: int) -> bytes:
        """The file of one frame, not empty.

        Raises:
            DataError: It can't be read.
        """

    @abstractmethod
    def file_names(self, name: str) -> list[str]:
        """Names of the files of video ``name``, whatever they are; none where it has none.

        Raises:
            OSError: Its directory is missing, or can't be listed.
        """

    def template(self, name: str) -> str:
        """File name of a frame of video ``name``."""
        return self.other_templates.get(name) or template_of(self.image_tmpl, name)

    def has_other_suffix(self, name: str) -> bool:
        """Whether video ``name`` turns out to have files of another suffix than thought."""
        found = None
        with suppress(OSError):
            found = other_suffix(self.template(name), self.file_names(name))
        if found in (None, self.template(name)):
            return False
        self.other_templates[name] = str(found)
        return True

    def numbers(self, name: str) -> set[int]:
        """Of the frames that there are.

        Raises:
            OSError: The directory is missing, or can't be listed.
        """
        files = self.file_names(name)
        found = frame_numbers(files, self.template(name))
        return self.numbers(name) if not found and self.has_other_suffix(name) else found

    def count(self, name: str) -> int:
        try:
            return len(self.numbers(name))
        except OSError as error:
            raise DataError(f"'{self.file(name)}' can't be listed: {error.strerror}") from None

    def inspect(self, name: str, inspection: Inspection[Result]) -> Result:
        return inspection.images(self, name)

    def what_is_there(self, name: str, position: int) -> str:
        """Say of a missing frame which ones its directory has."""
        path = self.path(name, position)
        directory = os.path.dirname(path)
        try:
            files = self.file_names(name)
        except (FileNotFoundError, NotADirectoryError):
            files = []
        if not files and not os.path.isdir(directory):
            return f"frame directory '{directory}' does not exist"
        template, number = self.template(name), position + self.start_index
        numbers = frame_numbers(files, template)
        if not numbers:
            return f"frame '{path}' does not exist; {listing(directory, files)}"
        below = max((n for n in numbers if n < number), default=None)
        above = min((n for n in numbers if n > number), default=None)
        nearest = [template.format(n) for n in (below, above) if n is not None]
        return (
            f"frame '{path}' does not exist; the directory has {len(numbers)} frames,"
            f" the nearest {' and '.join(nearest)}"
        )

    def frames(self, name: str, positions: Sequence[int]) -> Iterator[np.ndarray]:
        # One place for all: it stays in the processor's cache while its crop is taken.
        place: np.ndarray | None = None
        for position in positions:
            path = self.path(name, position)
            frame = decode_image(self.read(name, position), path, out=place)
            if place is None:
                place = np.empty_like(frame)
            if frame.shape != place.shape:
                raise DataError(
                    f"frame '{path}' is {frame.shape[1]}×{frame.shape[0]} pixels, but"
                    f" '{self.path(name, positions[0])}' is {place.shape[1]}×{place.shape[0]};"
                    " the frames of a video have one size"
                )
            yield frame
