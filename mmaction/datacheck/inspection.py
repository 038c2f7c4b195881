"""What is wrong with one video, looked at closely and without ever failing itself.

How a video is looked at depends on where its frames come from: a directory of image files, a pack
of them, or a video file. What is found are records, so that a data set can be gone through to its
end.
"""

from __future__ import annotations

import enum
import hashlib
import io
import os
import stat
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import av
from PIL import Image

from mmaction.datasets.sources.base import FrameSource, ImageSource
from mmaction.datasets.sources.directory import FrameDirectory
from mmaction.datasets.sources.frame_names import frame_numbers
from mmaction.datasets.sources.image_decoding import decode_image, find_decoder, is_cut_short
from mmaction.datasets.sources.packed_frames import PackedFrames
from mmaction.datasets.sources.video import VideoFiles, count_frames
from mmaction.errors import ConfigError, DataError

ERROR, WARNING, NOTE = SEVERITIES = ("error", "warning", "note")
NO_DIGEST = bytes(16)
_DIGEST_SIZE = len(NO_DIGEST)
# What a whole JPEG or PNG file ends with, where nothing was appended to it.
_ENDINGS = (b"\xff\xd9", b"IEND\xaeB`\x82")
_TAIL = 12
_HASHED_PART = 1 << 16  # bytes of a video file that its quick digest reads, thrice
_BLOCK = 1 << 20
_SHOWN = 3
_EXIF_ORIENTATION = 0x0112
_UNUSUAL_MODES = {"L": "grey-scale", "1": "black and white", "LA": "grey-scale with alpha"}


class Depth(enum.IntEnum):
    """How closely a video is looked at."""

    NAMES = 0
    """What there is, by its name; no file is opened."""
    FILES = 1
    """Every file's size and end, too, and the bytes of a few."""
    PIXELS = 2
    """Every frame is decoded, too."""


@dataclass(frozen=True)
class Finding:
    """Something about a video that is not as it should be.

    Attributes:
        kind: Such as ``gap``, the same for all findings of the kind.
        severity: ``'error'`` breaks or falsifies a run, ``'warning'`` may, ``'note'`` is for
            information.
        file: The file or directory it is about.
        message: What is wrong.
    """

    kind: str
    severity: str
    file: str
    message: str


@dataclass(frozen=True)
class Inspected:
    """What came of looking at a video.

    Attributes:
        findings: What is wrong with it.
        digest: 16 bytes that two videos of the same content share; those of different content
            may, too, in rare cases (:func:`whole_digest` decides). Zeros where it was not read.
    """

    findings: tuple[Finding, ...]
    digest: bytes = NO_DIGEST


class _Fault(Exception):
    """A finding that ends the look at a file."""

    def __init__(self, kind: str, file: str, message: str) -> None:
        super().__init__(message)
        self.finding = Finding(kind, ERROR, file, message)


def inspect_video(source: FrameSource, name: str, annotated: int, *, depth: Depth) -> Inspected:
    """Look at one video.

    Args:
        source: Where its frames come from.
        name: As its annotation writes it.
        annotated: How many frames the annotation says it has, >= 1.
        depth: How closely.

    Raises:
        ConfigError: There is no way of looking into this kind of source.
    """
    try:
        if isinstance(source, VideoFiles):
            return _inspect_video_file(source.file(name), annotated, depth)
        return _inspect_images(_open_images(source, name), annotated, depth)
    except _Fault as fault:
        return Inspected((fault.finding,))


def whole_digest(source: FrameSource, name: str, annotated: int = 0) -> bytes:
    """16 bytes made of all of a video's bytes, as found, not as ``annotated``; zeros where they
    can't be read.
    """
    try:
        if isinstance(source, VideoFiles):
            return _hash(_blocks(source.file(name)))
        images = _open_images(source, name)
        return _hash(images.load(number, True) for number in sorted(images.numbers))
    except (_Fault, OSError):
        return NO_DIGEST


@dataclass(frozen=True)
class _Images:
    """A video's image files, wherever they are.

    Attributes:
        where: The directory or pack, and the name in it.
        first: The number of the video's first frame.
        numbers: Of the frames that are there.
        path: Of the frame of a number, for messages.
        load: The bytes of the frame of a number, known not to be cut short; raises _Fault. Where
            they are not asked for, it may look at the file's end alone and return none.
    """

    where: str
    first: int
    numbers: Collection[int]
    path: Callable[[int], str]
    load: Callable[[int, bool], bytes]


def _open_images(source: FrameSource, name: str) -> _Images:
    if isinstance(source, FrameDirectory):
        where = os.path.join(source.data_root, name)
        files = _list_directory(where)
    elif isinstance(source, PackedFrames):
        where = os.path.dirname(source.path(name, 0))
        files = source.files(name)
        if not files:
            raise _Fault("missing-video", where, "the pack has no such directory")
    else:
        raise ConfigError(f"videos of {type(source).__name__} can't be checked: unknown to it")
    numbers = frame_numbers(files, source.image_tmpl)
    if not numbers:
        what = f"none of its {len(files)} files is called like" if files else "it is empty: no"
        raise _Fault("no-frames", where, f"{what} '{source.image_tmpl}'")
    first = source.start_index

    def path(number: int) -> str:
        return source.path(name, number - first)

    def from_file(number: int, whole: bool) -> bytes:
        return _load_file(path(number), whole)

    def from_pack(number: int, _: bool) -> bytes:
        return _load_packed(source, name, number - first)

    load = from_file if isinstance(source, FrameDirectory) else from_pack
    return _Images(where, first, numbers, path, load)


def _list_directory(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        raise _Fault("missing-video", directory, "there is no such directory") from None
    except NotADirectoryError:
        raise _Fault("missing-video", directory, "is a file, not a directory of frames") from None
    except OSError as error:
        raise _Fault("unreadable", directory, f"can't be listed: {error.strerror}") from None


def _inspect_images(images: _Images, annotated: int, depth: Depth) -> Inspected:
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
        except _Fault as fault:
            findings.append(fault.finding)
    if pixels is not None:
        findings += pixels.findings(images.where)
    return Inspected(tuple(findings), _quick_digest(images))


def _numbering(images: _Images, annotated: int) -> list[Finding]:
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
        text = f"{_frames(lost)} missing between others: number {_ranges(gaps)}"
        findings.append(Finding("gap", ERROR, images.where, text))
    if numbers[-1] < last:
        text = (
            f"annotated with {_frames(annotated)}, but the last one there is number {numbers[-1]}"
            f" of {first} to {last}"
        )
        findings.append(Finding("too-few-frames", ERROR, images.where, text))
    elif numbers[-1] > last:
        text = (
            f"annotated with {_frames(annotated)}, but frames go on to number {numbers[-1]};"
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
        """Raises _Fault where the frame can't be decoded."""
        try:
            height, width = decode_image(data, path, decode=self._decode).shape[:2]
        except DataError as error:
            raise _Fault("undecodable", path, str(error)) from None
        self._sizes[width, height] += 1
        self._first_of_size.setdefault((width, height), path)
        for what in _unusual(data):
            self._unusual[what] += 1
            self._first_unusual.setdefault(what, path)

    def findings(self, where: str) -> Iterator[Finding]:
        sizes = self._sizes.most_common()
        if len(sizes) > 1:
            odd = self._first_of_size[sizes[1][0]]
            yield Finding("size-change", ERROR, odd, _several_sizes(sizes))
        for what, count in sorted(self._unusual.items()):
            text = f"{_frames(count)} {what}; the first is '{self._first_unusual[what]}'"
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


def _quick_digest(images: _Images) -> bytes:
    """Of the number of frames and the bytes of the first, the middle and the last."""
    numbers = sorted(images.numbers)
    chosen = sorted({0, len(numbers) // 2, len(numbers) - 1})
    try:
        parts = [images.load(numbers[position], True) for position in chosen]
    except _Fault:
        return NO_DIGEST
    return _hash([str(len(numbers)).encode(), *parts])


def _inspect_video_file(path: str, annotated: int, depth: Depth) -> Inspected:
    _require_file(path, missing="missing-video")
    if depth == Depth.NAMES:
        return Inspected(())
    findings = []
    try:
        count = count_frames(path)
    except DataError as error:
        raise _Fault("undecodable", path, str(error)) from None
    if count != annotated:
        kind, severity = ("too-few-frames", ERROR)
        if count > annotated:
            kind, severity = ("more-frames", WARNING)
        text = f"annotated with {_frames(annotated)}, but the file has {count}"
        findings.append(Finding(kind, severity, path, text))
    if depth == Depth.PIXELS:
        findings += _decode_video(path, count)
    return Inspected(tuple(findings), _quick_file_digest(path))


def _decode_video(path: str, count: int) -> Iterator[Finding]:
    """Decode a whole video file, damage in it being an error where the decoder sees it."""
    sizes: Counter[tuple[int, int]] = Counter()
    reason = ""
    try:
        with av.open(path, metadata_errors="ignore") as container:
            stream = container.streams.video[0]
            stream.codec_context.thread_count = 1
            stream.codec_context.options = {"err_detect": "explode"}
            for frame in container.decode(stream):
                sizes[frame.width, frame.height] += 1
    except (av.FFmpegError, OSError) as error:
        reason = f": {error.strerror or error}"
    decoded = sum(sizes.values())
    if reason or decoded < count:
        text = f"{decoded} of {_frames(count)} can be decoded without a fault{reason}"
        yield Finding("undecodable", ERROR, path, text)
    if len(sizes) > 1:
        yield Finding("size-change", ERROR, path, _several_sizes(sizes.most_common()))


def _quick_file_digest(path: str) -> bytes:
    """Of a file's size and of its beginning, middle and end."""
    try:
        size = os.path.getsize(path)
        parts = [str(size).encode()]
        with open(path, "rb") as file:
            for start in (0, size // 2, max(0, size - _HASHED_PART)):
                file.seek(start)
                parts.append(file.read(_HASHED_PART))
    except OSError:
        return NO_DIGEST
    return _hash(parts)


def _load_file(path: str, whole: bool) -> bytes:
    """An image file's bytes, or, where they are not asked for and its end is good, none."""
    size = _require_file(path, missing="unreadable")
    try:
        with open(path, "rb", buffering=0) as file:
            if not whole:
                file.seek(-min(size, _TAIL), os.SEEK_END)
                if file.read().endswith(_ENDINGS):
                    return b""
                file.seek(0)
            data = file.read()
    except OSError as error:
        raise _Fault("unreadable", path, f"can't be read: {error.strerror}") from None
    return _whole(data, path)


def _load_packed(source: ImageSource, name: str, position: int) -> bytes:
    path = source.path(name, position)
    try:
        return _whole(source.read(name, position), path)
    except DataError as error:
        raise _Fault("unreadable", path, str(error)) from None


def _whole(data: bytes, path: str) -> bytes:
    if is_cut_short(data):
        raise _Fault("truncated", path, "the file ends before the image does")
    return data


def _require_file(path: str, *, missing: str) -> int:
    """Size in bytes, > 0, of what is a file; raises _Fault, of kind ``missing`` if it's gone."""
    try:
        status = os.stat(path)
    except (FileNotFoundError, NotADirectoryError):
        there = (
            "is a link to nothing" if os.path.islink(path) else "there is no such file (any more)"
        )
        raise _Fault(missing, path, there) from None
    except OSError as error:
        raise _Fault("unreadable", path, f"can't be read: {error.strerror}") from None
    if not stat.S_ISREG(status.st_mode):
        what = "a directory" if stat.S_ISDIR(status.st_mode) else "something special"
        raise _Fault("not-a-file", path, f"is {what}, not a file")
    if not status.st_size:
        raise _Fault("empty-file", path, "is empty (zero bytes)")
    return status.st_size


def _blocks(path: str) -> Iterator[bytes]:
    with open(path, "rb") as file:
        while block := file.read(_BLOCK):
            yield block


def _hash(parts: Iterator[bytes] | Sequence[bytes]) -> bytes:
    hasher = hashlib.blake2b(digest_size=_DIGEST_SIZE)
    for part in parts:
        hasher.update(part)
    return hasher.digest()


def _frames(count: int) -> str:
    return f"{count} frame" if count == 1 else f"{count} frames"


def _ranges(gaps: list[tuple[int, int]]) -> str:
    shown = [str(low) if low == high else f"{low}-{high}" for low, high in gaps[:_SHOWN]]
    return ", ".join(shown) + (", …" if len(gaps) > _SHOWN else "")


def _several_sizes(sizes: list[tuple[tuple[int, int], int]]) -> str:
    parts = [f"{width}×{height} ({_frames(count)})" for (width, height), count in sizes[:_SHOWN]]
    more = ", …" if len(sizes) > _SHOWN else ""
    return f"the frames of a video have one size, these have {', '.join(parts)}{more}"
