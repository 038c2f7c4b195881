"""What is wrong with a video that is image files, a file a frame."""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

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
from mmaction.datasets.sources.frame_names import frame_numbers
from mmaction.datasets.sources.image_decoding import decode_image, find_decoder, is_cut_short
from mmaction.errors import DataError

# What a whole JPEG or PNG file ends with, where nothing was appended to it.
_ENDINGS = (b"\xff\xd9", b"IEND\xaeB`\x82")
_TAIL = 12
_EXIF_ORIENTATION = 0x0112
_UNUSUAL_MODES = {"L": "grey-scale", "1": "black and white", "LA": "grey-scale with alpha"}


@dataclass(frozen=True)
class Images:
    """A video's image files, wherever they are.

    Attributes:
        where: The directory or pack, and the name in it.
        first: The number of the video's first frame.
        numbers: Of the frames that are there.
        path: Of the frame of a number, for messages.
        load: The bytes of the frame of a number, known not to be cut short; raises Fault. Where
            they are not asked for, it may look at the file's end alone and return none.
    """

    where: str
    first: int
    numbers: Collection[int]
    path: Callable[[int], str]
    load: Callable[[int, bool], bytes]


def open_images(source: ImageSource, name: str) -> Images:
    """Which frames a video has.

    Raises:
        Fault: None.
    """
    where = source.file(name)
    numbers = frame_numbers(files := _list_files(source, name, where), source.image_tmpl)
    if not numbers:
        what = f"none of its {len(files)} files is called like" if files else "it is empty: no"
        raise Fault("no-frames", where, f"{what} '{source.image_tmpl}'")
    first = source.start_index

    def path(number: int) -> str:
        return source.path(name, number - first)

    def load(number: int, whole: bool) -> bytes:
        own = source.own_file(name, number - first)
        if own is not None:
            return _load_file(own, whole)
        return _load_packed(source, name, number - first)

    return Images(where, first, numbers, path, load)


def _list_files(source: ImageSource, name: str, where: str) -> list[str]:
    try:
        files = source.file_names(name)
    except FileNotFoundError:
        raise Fault("missing-video", where, "there is no such directory") from None
    except NotADirectoryError:
        raise Fault("missing-video", where, "is a file, not a directory of frames") from None
    except OSError as error:
        raise Fault("unreadable", where, f"can't be listed: {error.strerror}") from None
    if not files and source.own_file(name, 0) is None:
        raise Fault("missing-video", where, "the pack has no such directory")
    return files


def inspect_images(images: Images, annotated: int, depth: Depth) -> Inspected:
    findings = _numbering(images, annotated)
    if depth == Depth.NAMES:
        return Inspected(tuple(findings))
    pixels = _Pixels() if depth == Depth.PIXELS else None
    used = range(images.first, images.first + annotated)
    for number in sorted(n for n in images.numbers if n in used):
        try:
            data = images.load(number, pixels is not None)
            if pixels is not None:
                pixels.add(data, images.path(number))
        except Fault as fault:
            findings.append(fault.finding)
    if pixels is not None:
        findings += pixels.findings(images.where)
    return Inspected(tuple(findings), _quick_digest(images))


def _numbering(images: Images, annotated: int) -> list[Finding]:
    """Compare the numbers that are there with those that the annotation makes one expect."""
    findings = []
    numbers = sorted(images.numbers)
    first, last = images.first, images.first + annotated - 1
    if numbers[0] < first:
        text = f"has frames from number {numbers[0]} on, but the data set counts from {first}"
        findings.append(Finding("early-number", WARNING, images.where, text))
    gaps = [
        (left + 1, min(right - 1, last))
        for left, right in zip([first - 1, *numbers], numbers, strict=False)
        if first <= left + 1 < right and left + 1 <= last
    ]
    if gaps:
        lost = sum(high - low + 1 for low, high in gaps)
        text = f"{frame_count(lost)} missing between others: number {ranges(gaps)}"
        findings.append(Finding("gap", ERROR, images.where, text))
    if numbers[-1] < last:
        text = (
            f"annotated with {frame_count(annotated)}, but the last one there is number"
            f" {numbers[-1]} of {first} to {last}"
        )
        findings.append(Finding("too-few-frames", ERROR, images.where, text))
    elif numbers[-1] > last:
        text = (
            f"annotated with {frame_count(annotated)}, but frames go on to number {numbers[-1]};"
            f" those after {last} are never used"
        )
        findings.append(Finding("more-frames", WARNING, images.where, text))
    return findings


class _Pixels:
    """What the decoded frames of a video have in common."""

    def __init__(self) -> None:
        self._decode = find_decoder(None)
        self._sizes: Counter[tuple[int, int]] = Counter()
        self._first_of_size: dict[tuple[int, int], str] = {}
        self._unusual: Counter[str] = Counter()
        self._first_unusual: dict[str, str] = {}

    def add(self, data: bytes, path: str) -> None:
        """Raises Fault where the frame can't be decoded."""
        try:
            height, width = decode_image(data, path, decode=self._decode).shape[:2]
        except DataError as error:
            raise Fault("undecodable", path, str(error)) from None
        self._sizes[width, height] += 1
        self._first_of_size.setdefault((width, height), path)
        for what in _unusual(data):
            self._unusual[what] += 1
            self._first_unusual.setdefault(what, path)

    def findings(self, where: str) -> Iterator[Finding]:
        sizes = self._sizes.most_common()
        if len(sizes) > 1:
            odd = self._first_of_size[sizes[1][0]]
            yield Finding("size-change", ERROR, odd, several_sizes(sizes))
        for what, count in sorted(self._unusual.items()):
            text = f"{frame_count(count)} {what}; the first is '{self._first_unusual[what]}'"
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


def _quick_digest(images: Images) -> bytes:
    """Of the number of frames and the bytes of the first, the middle and the last."""
    numbers = sorted(images.numbers)
    chosen = sorted({0, len(numbers) // 2, len(numbers) - 1})
    try:
        parts = [images.load(numbers[position], True) for position in chosen]
    except Fault:
        return NO_DIGEST
    return content_hash([str(len(numbers)).encode(), *parts])


def _load_file(path: str, whole: bool) -> bytes:
    """An image file's bytes, or, where they are not asked for and its end is good, none."""
    size = require_file(path, missing="unreadable")
    try:
        with open(path, "rb", buffering=0) as file:
            if not whole:
                file.seek(-min(size, _TAIL), os.SEEK_END)
                if file.read().endswith(_ENDINGS):
                    return b""
                file.seek(0)
            data = file.read()
    except OSError as error:
        raise Fault("unreadable", path, f"can't be read: {error.strerror}") from None
    return _whole(data, path)


def _load_packed(source: ImageSource, name: str, position: int) -> bytes:
    path = source.path(name, position)
    try:
        return _whole(source.read(name, position), path)
    except DataError as error:
        raise Fault("unreadable", path, str(error)) from None


def _whole(data: bytes, path: str) -> bytes:
    if is_cut_short(data):
        raise Fault("truncated", path, "the file ends before the image does")
    return data
