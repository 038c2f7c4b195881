"""From image files to RGB pixels.

The pixels are taken as they are stored: an EXIF orientation is not applied, whatever the decoder.
Grey-scale becomes RGB, alpha is dropped, 16 bits become 8.
"""

from __future__ import annotations

import cv2
import numpy as np

from mmaction.errors import DataError

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"


def decode(data: bytes, out: np.ndarray | None = None) -> np.ndarray:
    """Decode an image file: JPEG by simplejpeg where it is installed, all else by OpenCV.

    Both give the same pixels; the former is faster, and refuses what is damaged in the middle.

    Args:
        data: The file.
        out: uint8, contiguous, H×W×3; filled and returned where the image has this shape.

    Returns:
        uint8 RGB, H×W×3.

    Raises:
        ValueError: It can't be read, or only in part.
    """
    if simplejpeg is not None and data.startswith(_JPEG_START):
        height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data)
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
    the order also holds with a thumbnail before the image or something appended after it.
    """
    if data.startswith(_JPEG_START):
        return not data.endswith(_JPEG_END) and data.rfind(_JPEG_END) < data.rfind(_JPEG_SCAN)
    if data.startswith(_PNG_START):
        return _PNG_END not in data
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
