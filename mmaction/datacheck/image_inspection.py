"""What is wrong with a video that is image files, a file a frame."""

from __future__ import annotations

import io
import os
from collections import defaultdict
from collections.abc import Iterator

from PIL import Image

from mmaction.datacheck.findings import (
    ERROR,
    NO_DIGEST,
    NOTE,
    WARNING,
    Depth,
    Fault,
    Finding,
    Inspected,
    content_hash,
    frame_count,
    ranges,
    require_file,
    several_sizes,
)
from mmaction.datasets.sources.base import ImageSource
from mmaction.datasets.sources.image_decoding import decode_image, is_cut_short
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
        pixels = _Pixels() if depth == Depth.PIXELS else None
        used = range(self.first, self.first + annotated)
        for number in (n for n in self.numbers if n in used):
            try:
                data = self._load(number, whole=pixels is not None)
                if pixels is not None:
                    pixels.add(data, self._path(number))
            except Fault as fault:
                findings.append(fault.finding)
        if pixels is not None:
            findings += pixels.findings(self.where)
        return Inspected(tuple(findings), self._quick_digest())

    def whole_digest(self) -> bytes:
        """Of all frames' bytes; raises Fault."""
        return content_hash(self._load(number) for number in self.numbers)

    def _list_files(self) -> list[str]:
        try:
            files = self.source.file_names(self.name)
        except FileNotFoundError:
            raise Fault("missing-video", self.where, "there is no such directory") from None
        except NotADirectoryError:
            text = "is a file, not a directory of frames"
            raise Fault("missing-video", self.where, text) from None
        except OSError as error:
            text = f"can't be listed: {error.strerror}"
            raise Fault("unreadable", self.where, text) from None
        if not files and self.source.own_file(self.name, 0) is None:
            raise Fault("missing-video", self.where, "the pack has no such directory")
        return files

    def _path(self, number: int) -> str:
        return self.source.path(self.name, number - self.first)

    def _load(self, number: int, *, whole: bool = True) -> bytes:
        """The bytes of a frame, known not to be cut short.

        Where they aren't asked for, of a file whose end is good: none.
        """
        position = number - self.first
        own = self.source.own_file(self.name, position)
        try:
            if own is None:
                data = self.source.read(self.name, position)
            else:
                size = require_file(own, missing="unreadable")
                with open(own, "rb", buffering=0) as file:
                    if not whole:
                        file.seek(-min(size, _TAIL), os.SEEK_END)
                        if file.read().endswith(_ENDINGS):
                            return b""
                        file.seek(0)
                    data = file.read()
        except DataError as error:
            raise Fault("unreadable", self._path(number), str(error)) from None
        except OSError as error:
            text = f"can't be read: {error.strerror}"
            raise Fault("unreadable", self._path(number), text) from None
        if is_cut_short(data):
            text = "the file ends before the image does"
            raise Fault("truncated", self._path(number), text)
        return data

    def _numbering(self, annotated: int) -> Iterator[Finding]:
        """Compare the numbers that are there with those that the annotation makes one expect."""
        numbers, first, last = self.numbers, self.first, self.first + annotated - 1
        if numbers[0] < first:
            text = f"has frames from number {numbers[0]} on, but the data set counts from {first}"
            yield Finding("early-number", WARNING, self.where, text)
        gaps = [
            (left + 1, min(right - 1, last))
            for left, right in zip([first - 1, *numbers], numbers, strict=False)
            if first <= left + 1 < right and left + 1 <= last
        ]
        if gaps:
            lost = sum(high - low + 1 for low, high in gaps)
            text = f"{frame_count(lost)} missing between others: number {ranges(gaps)}"
            yield Finding("gap", ERROR, self.where, text)
        text = f"annotated with {frame_count(annotated)}, but "
        if numbers[-1] < last:
            text += f"the last one there is number {numbers[-1]} of {first} to {last}"
            yield Finding("too-few-frames", ERROR, self.where, text)
        elif numbers[-1] > last:
            text += f"frames go on to number {numbers[-1]}; those after {last} are never used"
            yield Finding("more-frames", WARNING, self.where, text)

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


class _Pixels:
    """What the decoded frames of a video have in common."""

    def __init__(self) -> None:
        # Paths of the frames of a size, and of a peculiarity.
        self._sizes: dict[tuple[int, int], list[str]] = defaultdict(list)
        self._unusual: dict[str, list[str]] = defaultdict(list)

    def add(self, data: bytes, path: str) -> None:
        """Raises Fault where the frame can't be decoded."""
        try:
            height, width = decode_image(data, path).shape[:2]
        except DataError as error:
            raise Fault("undecodable", path, str(error)) from None
        self._sizes[width, height].append(path)
        for what in _unusual(data):
            self._unusual[what].append(path)

    def findings(self, where: str) -> Iterator[Finding]:
        sizes = sorted(self._sizes.items(), key=lambda item: -len(item[1]))
        if len(sizes) > 1:
            text = several_sizes([(size, len(paths)) for size, paths in sizes])
            yield Finding("size-change", ERROR, sizes[1][1][0], text)
        for what, paths in sorted(self._unusual.items()):
            text = f"{frame_count(len(paths))} {what}; the first is '{paths[0]}'"
            yield Finding("unusual-image", NOTE, where, text)


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
