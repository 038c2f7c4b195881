"""From image files to RGB pixels.

The pixels are taken as they are stored: an EXIF orientation is not applied, whatever the decoder.
Grey-scale becomes RGB, alpha is dropped, 16 bits become 8.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np

from mmaction.datasets.geometry import View
from mmaction.datasets.pipeline import Results, Transform
from mmaction.errors import ConfigError, DataError, near
from mmaction.registry import TRANSFORMS

try:
    import simplejpeg
except ImportError:
    simplejpeg = None

Decoder = Callable[[bytes, "np.ndarray | None"], np.ndarray]

_JPEG_START, _JPEG_SCAN, _JPEG_END = b"\xff\xd8\xff", b"\xff\xda", b"\xff\xd9"
_PNG_START, _PNG_END = b"\x89PNG", b"IEND"


def decode_cv2(data: bytes, out: np.ndarray | None = None) -> np.ndarray:
    """Decode an image file with OpenCV.

    Args:
        data: The file.
        out: uint8, contiguous, H×W×3; filled and returned where the image has this shape.

    Returns:
        uint8 RGB, H×W×3.

    Raises:
        ValueError: OpenCV can't read it.
    """
    try:
        bgr = cv2.imdecode(
            np.frombuffer(data, dtype=np.uint8), cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error as error:
        raise ValueError(error.err) from None
    if bgr is None:
        raise ValueError("not an image that OpenCV can read")
    if out is not None and out.shape != bgr.shape:
        out = None
    return cv2.cvtColor(bgr, cv2.COLOR_BGR2RGB, dst=out)


def decode_simplejpeg(data: bytes, out: np.ndarray | None = None) -> np.ndarray:
    """Like :func:`decode_cv2`, JPEG by libjpeg-turbo: the same pixels, and stricter with damage.

    Raises:
        ValueError: The image can't be read, or only in part.
    """
    if not data.startswith(_JPEG_START):
        return decode_cv2(data, out)
    height, width, colorspace, _ = simplejpeg.decode_jpeg_header(data)
    if colorspace in ("CMYK", "YCCK"):
        return decode_cv2(data, out)
    if out is not None and out.shape != (height, width, 3):
        out = None
    return simplejpeg.decode_jpeg(data, buffer=out)


DECODERS: dict[str, Decoder] = {"cv2": decode_cv2, "simplejpeg": decode_simplejpeg}


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


@TRANSFORMS.register_module()
class DecodeFrames(Transform):
    """Read and decode the sampled frames, each distinct one once, into one array.

    Args:
        backend: 'cv2', or 'simplejpeg' (to be installed by hand), which gives the same pixels
            and also refuses JPEG files that are damaged in the middle.
    """

    needs = ("frame_indices",)
    gives = ("frames", "frame_slots", "views")

    def __init__(self, *, backend: str = "cv2") -> None:
        if backend not in DECODERS:
            raise ConfigError(f"DecodeFrames: backend={backend!r} is none{near(backend, DECODERS)}")
        if backend == "simplejpeg" and simplejpeg is None:
            raise ConfigError("DecodeFrames: backend='simplejpeg' needs: pip install simplejpeg")
        self.backend = backend

    def __call__(self, results: Results) -> Results:
        """Raises DataError, naming the file, where a frame can't be used."""
        indices = results["frame_indices"]
        positions, slots = np.unique(indices, return_inverse=True)
        source, name = results["source"], results["name"]

        first = self._decode(source.read(name, positions[0]), source.path(name, positions[0]))
        frames = np.empty((len(positions), *first.shape), dtype=np.uint8)
        frames[0] = first
        for slot, position in enumerate(positions[1:], start=1):
            path = source.path(name, position)
            frame = self._decode(source.read(name, position), path, frames[slot])
            if frame.shape != first.shape:
                raise DataError(
                    f"frame '{path}' is {frame.shape[1]}×{frame.shape[0]} pixels, but"
                    f" '{source.path(name, positions[0])}' is {first.shape[1]}×{first.shape[0]};"
                    " the frames of a video have one size"
                )
        height, width = first.shape[:2]
        results["frames"] = frames
        results["frame_slots"] = slots.reshape(indices.shape)
        results["views"] = [View.whole(width, height)]
        return results

    def _decode(self, data: bytes, path: str, out: np.ndarray | None = None) -> np.ndarray:
        if is_cut_short(data):
            raise DataError(f"frame '{path}' is truncated: the file ends before the image does")
        try:
            return DECODERS[self.backend](data, out)
        except ValueError as error:
            raise DataError(f"frame '{path}' can't be decoded: {error}") from None
