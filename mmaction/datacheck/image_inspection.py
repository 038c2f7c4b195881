"""What is wrong with a video that is image files, a file a frame."""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Iterator

from PIL import Image

from mmaction.datacheck.findings import (
    NO_DIGEST,
    Depth,
    Fault,
    Inspected,
    content_hash,
    frame_count,
    ranges,
    require_file,
    several_sizes,
)
from mmaction.datacheck.problems import ERROR, NOTE, WARNING, Problem
from mmaction.datasets.sources.base import ImageSource
from mmaction.datasets.sources.image_files import decode_image, is_cut_short
from mmaction.errors import DataError

# What a whole JPEG or PNG file ends with, where nothing was appended to it.
_ENDINGS = (b"\xff\xd9", b"IEND\xaeB`\x82")
_TAIL = 12
_EXIF_ORIENTATION = 0x0112
_UNUSUAL_MODES = {"L": "grey-scale", "1": "black and white", "LA": "grey-scale with alpha"}


class Images:
    """A video's image files, wherever they are.

    Args:
        source: Where they come from.
        name: The video, as its annotation writes it.

    Raises:
        Fault: There are none.
    """

    def __init__(self, source: ImageSource, name: str) -> None:
        self.source, self.name = source, name
        self.where = source.file(name)
        self.first = source.start_index
        files = self._list_files()
        self.numbers = sorted(source.numbers(name))
        if not self.numbers:
            what = f"none of its {len(files)} files is called like" if files else "it is empty: no"
            raise Fault("no-frames", self.where, f"{what} '{source.template(name)}'")

    def inspect(self, annotated: int, depth: Depth) -> Inspected:
        """See :func:`.inspection.inspect_video`."""
        findings = list(self._numbering(annotated))
        if depth == Depth.NAMES:
            return Inspected(tuple(findings))
        findings += self._files(annotated, decoded=depth == Depth.PIXELS)
        return Inspected(tuple(findings), self._quick_digest())

    def whole_digest(self) -> bytes:
        """Of all frames' bytes; raises Fault."""
        return content_hash(self._load(number) for number in self.numbers)

    def _list_files(self) -> list[str]:
        try:
            return self.source.file_names(self.name)
        except OSError as error:
            gone = isinstance(error, FileNotFoundError | NotADirectoryError)
            kind = "missing-video" if gone else "unreadable"
            raise Fault(kind, self.where, f"can't be listed: {error.strerror}") from None

    def _path(self, number: int) -> str:
        return self.source.path(self.name, number - self.first)

    def _load(self, number: int, *, whole: bool = True) -> bytes:
        """The bytes of a frame, known not to be cut short.

        Where they aren't asked for, of a file whose end is good: none.
        """
        path = self._path(number)
        try:
            if not os.path.lexists(path):  # a frame in a pack has no file of its own
                data = self.source.read(self.name, number - self.first)
            else:
                size = require_file(path, missing="unreadable")
                with open(path, "rb", buffering=0) as file:
                    if not whole:
                        file.seek(-min(size, _TAIL), os.SEEK_END)
                        if file.read().endswith(_ENDINGS):
                            return b""
                        file.seek(0)
                    data = file.read()
        except DataError as error:
            raise Fault("unreadable", path, str(error)) from None
        except OSError as error:
            raise Fault("unreadable", path, f"can't be read: {error.strerror}") from None
        if is_cut_short(data):
            raise Fault("truncated", path, "the file ends before the image does")
        return data

    def _numbering(self, annotated: int) -> Iterator[Problem]:
        """Compare the numbers that are there with those that the annotation makes one expect."""
        numbers, first, last = self.numbers, self.first, self.first + annotated - 1
        if numbers[0] < first:
            text = f"has frames from number {numbers[0]} on, but the data set counts from {first}"
            yield Problem("early-number", WARNING, self.where, text)
        gaps = [
            (left + 1, min(right - 1, last))
            for left, right in zip([first - 1, *numbers], numbers, strict=False)
            if first <= left + 1 < right and left + 1 <= last
        ]
        if gaps:
            lost = sum(high - low + 1 for low, high in gaps)
            text = f"{frame_count(lost)} missing between others: number {ranges(gaps)}"
            yield Problem("gap", ERROR, self.where, text)
        text = f"annotated with {frame_count(annotated)}, but "
        if numbers[-1] < last:
            text += f"the last one there is number {numbers[-1]} of {first} to {last}"
            yield Problem("too-few-frames", ERROR, self.where, text)
        elif numbers[-1] > last:
            text += f"frames go on to number {numbers[-1]}; those after {last} are never used"
            yield Problem("more-frames", WARNING, self.where, text)

    def _files(self, annotated: int, *, decoded: bool) -> Iterator[Problem]:
        """What is wrong with the files that are used, and with what they hold if ``decoded``."""
        # Paths of the frames of a size, and of a peculiarity.
        by_size: dict[tuple[int, int], list[str]] = defaultdict(list)
        unusual: dict[str, list[str]] = defaultdict(list)
        used = range(self.first, self.first + annotated)
        for number in (n for n in self.numbers if n in used):
            path = self._path(number)
            try:
                data = self._load(number, whole=decoded)
                if decoded:
                    height, width = decode_image(data, path).shape[:2]
                    by_size[width, height].append(path)
                    for what in _unusual(data):
                        unusual[what].append(path)
            except Fault as fault:
                yield fault.finding
            except DataError as error:
                yield Problem("undecodable", ERROR, path, str(error))
        sizes = sorted(by_size.items(), key=lambda item: -len(item[1]))
        if len(sizes) > 1:
            text = several_sizes([(size, len(paths)) for size, paths in sizes])
            yield Problem("size-change", ERROR, sizes[1][1][0], text)
        for what, paths in sorted(unusual.items()):
            text = f"{frame_count(len(paths))} {what}; the first is '{paths[0]}'"
            yield Problem("unusual-image", NOTE, self.where, text)

    def _quick_digest(self) -> bytes:
        """Of the number of frames and the bytes of the first, the middle and the last."""
        count = len(self.numbers)
        try:
            parts = [
                self._load(self.numbers[position])
                for position in sorted({0, count // 2, count - 1})
            ]
        except Fault:
            return NO_DIGEST
        return content_hash([str(count).encode(), *parts])


def _unusual(data: bytes) -> Iterator[str]:
    """What is worth knowing of an image that was decoded, though it is usable."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            mode, turned = image.mode, image.getexif().get(_EXIF_ORIENTATION, 1) != 1
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError):
        return  # of another format than Pillow knows, or with odd metadata
    if mode not in ("RGB", "YCbCr"):
        yield _UNUSUAL_MODES.get(mode, f"of mode {mode}")
    if turned:
        yield "with an EXIF rotation, which is not applied"
