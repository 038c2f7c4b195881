"""Image files of frames: how those of a video are named, and their pixels.

Names are found out from a listing: the names of the files in a video's directory, wherever that
directory is. Pixels are taken as they are stored: an EXIF orientation is not applied, whatever the
decoder. Grey-scale becomes RGB, alpha is dropped, 16 bits become 8.
"""

from __future__ import annotations

import os
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence

import cv2
import numpy as np
import simplejpeg

from mmaction.errors import ConfigError, DataError

_TEMPLATE = re.compile(r"(?P<prefix>[^{}/\\]*)\{(?::0?\d*d?)?\}(?P<suffix>[^{}/\\]*)")
_NUMBERED = re.compile(
    r"(?P<prefix>.*?)(?P<number>\d+)(?P<suffix>\.(?:jpe?g|png|bmp|webp))", re.IGNORECASE
)
# Names that are surely pictures of the scene, where other series (optical flow) lie beside them.
_USUAL_PREFIXES = ("img_", "image_", "frame_", "")
_FIRST_NUMBERS = (0, 1)
IMAGE_SUFFIXES = (".jpg", ".jpeg", ".png", ".bmp", ".webp")
VIDEO = "{video}"  # in a template: the name of the video's directory
_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG\r\n\x1a\n", b"IEND"
# Huffman codes spend a bit at least on each block of 8×8 pixels.
_MOST_PIXELS_A_BYTE = 8 * 8 * 8


def template_of(image_tmpl: str, name: str) -> str:
    """``image_tmpl`` for one video: ``{video}`` is the name of its directory."""
    own = os.path.basename(name.rstrip("/"))
    return image_tmpl.replace(VIDEO, own.replace("{", "").replace("}", ""))


def other_suffix(image_tmpl: str, files: Iterable[str]) -> str | None:
    """The template with another suffix of images, by which there are files; None: with none."""
    stem = os.path.splitext(image_tmpl)[0]
    suffixes = {os.path.splitext(file)[1] for file in files}
    for suffix in sorted(s for s in suffixes if s.lower() in IMAGE_SUFFIXES):
        if frame_numbers(files, stem + suffix):
            return stem + suffix
    return None


def check_template(image_tmpl: str) -> None:
    """Raise ConfigError where ``image_tmpl`` is no template."""
    if not _TEMPLATE.fullmatch(template_of(image_tmpl, "video")):
        raise ConfigError(
            f"image_tmpl='{image_tmpl}' is no file name with one number such as 'img_{{:05d}}.jpg'"
        )


def find_naming(
    directory: str, files: Sequence[str], *, image_tmpl: str | None, start_index: int | None
) -> tuple[str, int]:
    """The template and the first number of a video's frames.

    Args:
        directory: The video's directory, for messages.
        files: Its listing.
        image_tmpl: A template, to be checked; None: found out.
        start_index: Number of the first frame, to be checked; None: found out, 0 or 1.

    Raises:
        DataError: No frames of that name or number; the message lists what is there.
    """
    if image_tmpl is None:
        image_tmpl = _find_template(directory, files)
    own = template_of(image_tmpl, directory)
    numbers = frame_numbers(files, own)
    if not numbers:
        raise DataError(f"no frame fits image_tmpl='{image_tmpl}'; {listing(directory, files)}")
    first = min(numbers)
    if start_index is None and first not in _FIRST_NUMBERS:
        raise DataError(
            f"'{directory}': frames start at number {first}, neither 0 nor 1;"
            f" give start_index if that is right; {listing(directory, files)}"
        )
    if start_index is not None and start_index not in numbers:
        raise DataError(
            f"no frame '{own.format(start_index)}' for start_index={start_index};"
            f" {listing(directory, files)}"
        )
    return image_tmpl, first if start_index is None else start_index


def frame_numbers(files: Iterable[str], image_tmpl: str) -> set[int]:
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


def listing(directory: str, files: Sequence[str]) -> str:
    """A short account of what a directory holds."""
    files = sorted(files)
    if not files:
        return f"'{directory}' is empty"
    shown = ", ".join(files) if len(files) <= 4 else f"{', '.join(files[:3])}, …, {files[-1]}"
    return f"'{directory}' holds {shown} ({len(files)} in all)"


def _find_template(directory: str, files: Sequence[str]) -> str:
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
        raise DataError(f"image_tmpl can't be found out: {what}; {listing(directory, files)}")
    [(prefix, suffix)] = candidates
    width = min(widths[prefix, suffix])
    own = os.path.basename(directory)
    if prefix not in _USUAL_PREFIXES and own and prefix.startswith(own):
        prefix = VIDEO + prefix.removeprefix(own)
    return f"{prefix}{{:0{width}d}}{suffix}" if width > 1 else f"{prefix}{{:d}}{suffix}"


def decode(data: bytes, out: np.ndarray | None = None) -> np.ndarray:
    """Decode an image file: JPEG by simplejpeg, all else, and JPEG in CMYK, by OpenCV.

    Both give the same pixels; the former is faster, and refuses what is damaged in the middle.

    Args:
        data: The file.
        out: uint8, contiguous, H×W×3; filled and returned where the image has this shape.

    Returns:
        uint8 RGB, H×W×3.

    Raises:
        ValueError: It can't be read, or only in part.
    """
    if data.startswith(_JPEG_START):
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data)
        if height * width > _MOST_PIXELS_A_BYTE * len(data):
            # Decoders would make all of them, gigabytes of grey.
            raise ValueError(f"{len(data)} bytes can't hold the {width}×{height} pixels they claim")
        if colorspace not in ("CMYK", "YCCK"):
            fits = out is not None and out.shape == (height, width, 3)
            return simplejpeg.decode_jpeg(data, buffer=out if fits else None)
    try:
        bgr = cv2.imdecode(
            np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error as error:
        raise ValueError(error.err) from None
    if bgr is None:
        raise ValueError("not an image that OpenCV can read")
    fits = out is not None and out.shape == bgr.shape
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=out if fits else None)


def is_cut_short(data: bytes) -> bool:
    """Whether a JPEG or PNG file ends before its end marker; decoders fill such frames up silently.

    A JPEG's last scan is followed by the end marker: neither can occur inside compressed data, and
    the order also holds with a thumbnail before the image or something appended after it. A PNG's
    chunks name their lengths, one after the other up to the last; OpenCV takes as much memory.
    """
    if data.startswith(_JPEG_START):
        return not data.endswith(_JPEG_END) and data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    if data.startswith(_PNG_START):
        place = len(_PNG_START)
        while place + 12 <= len(data) and data[place + 4 : place + 8] != _PNG_END:
            place += 12 + int.from_bytes(data[place : place + 4], "big")
        return place + 12 > len(data)
    return False


def decode_image(data: bytes, path: str, *, out: np.ndarray | None = None) -> np.ndarray:
    """Decode an image file; see :func:`decode`.

    Args:
        data: The file.
        path: Where it was read from, for messages.
        out: Filled and returned where the image has its shape.

    Raises:
        DataError: It can't be decoded, or only in part.
    """
    if is_cut_short(data):
        raise DataError(f"frame '{path}' is truncated: the file ends before the image does")
    try:
        return decode(data, out)
    except ValueError as error:
        raise DataError(f"frame '{path}' can't be decoded: {error}") from None
