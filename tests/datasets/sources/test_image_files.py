from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmaction.datasets.sources.image_files import decode, decode_image, is_cut_short
from mmaction.errors import DataError


def picture(width: int = 48, height: int = 32) -> Image.Image:
    down, across = np.mgrid[:height, :width]
    pixels = np.stack([across * 5, down * 7, 255 - across * 3 - down], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def by_opencv(data: bytes) -> np.ndarray:
    flags = cv2.IMREAD_COLOR | cv2.IMREAD_IGNORE_ORIENTATION
    return cv2.imdecode(np.frombuffer(data, np.uint8), flags)[..., ::-1]


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_backends_give_the_same_pixels(subsampling: int, progressive: bool) -> None:
    data = encoded(picture(61, 43), subsampling=subsampling, progressive=progressive)
    out = np.empty((43, 61, 3), np.uint8)
    image = decode(data, out)
    assert np.shares_memory(image, out)
    assert np.array_equal(image, by_opencv(data))


def test_every_kind_of_picture_becomes_rgb() -> None:
    rgb = picture()
    grey = rgb.convert("L")
    as_rgb = np.asarray(grey.convert("RGB"))
    assert np.array_equal(decode(encoded(grey, "PNG"), None), as_rgb)
    assert np.abs(decode(encoded(grey, quality=95), None).astype(int) - as_rgb).max() <= 4
    with_alpha = rgb.copy()
    with_alpha.putalpha(grey)
    assert np.array_equal(decode(encoded(with_alpha, "PNG"), None), np.asarray(rgb))
    sixteen_bits = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert np.array_equal(decode(encoded(sixteen_bits, "PNG"), None), as_rgb)
    # An RGB image in CMYK without black; chroma is what JPEG loses most of.
    cmyk = decode(encoded(rgb.convert("CMYK"), quality=98), None)
    assert np.abs(cmyk.astype(int) - np.asarray(rgb)).mean() < 4


def test_exif_orientation_is_not_applied() -> None:
    image = picture()
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = encoded(image, exif=exif.tobytes())
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (48, 32, 3)
    assert np.array_equal(decode(turned, None), by_opencv(encoded(image)))


@pytest.mark.parametrize("kept", [0.2, 0.6, 0.97])
@pytest.mark.parametrize("filled", [b"", b"\0" * 500], ids=["cut", "zeros"])
def test_truncated_jpeg_is_named(kept: float, filled: bytes) -> None:
    whole = encoded(picture(160, 120), quality=95)
    data = whole[: int(len(whole) * kept)] + filled
    with pytest.raises(DataError, match=r"^frame 'a.jpg' (is truncated|can't be decoded)") as error:
        decode_image(data, "a.jpg")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    "data", [b"no picture at all", b"\xff\xd8\xff\xe0\xff\xd9", b"\x89PNG IEND"]
)
def test_what_is_no_picture_is_named(data: bytes) -> None:
    with pytest.raises(DataError, match=r"^frame 'a.jpg' can't be decoded: ") as error:
        decode_image(data, "a.jpg")
    assert "\n" not in str(error.value)


def test_end_marker_is_found_where_it_counts() -> None:
    whole = encoded(picture())
    thumbnail = encoded(picture(8, 8))
    # An application segment that holds a whole JPEG, as cameras write it.
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = whole[:2] + segment + whole[2:]
    assert by_opencv(with_thumbnail).shape == (32, 48, 3)
    for data in (whole, with_thumbnail, whole + b"trailing notes", whole + b"\0" * 100):
        assert not is_cut_short(data)
    assert is_cut_short(whole[:-2])
    assert is_cut_short(with_thumbnail[:-2])
    png = encoded(picture(), "PNG")
    assert not is_cut_short(png)
    assert is_cut_short(png[:-12])


@pytest.mark.parametrize("progressive", [False, True])
def test_a_damaged_size_is_refused_before_its_pixels_are_made(progressive: bool) -> None:
    """Of a picture of one colour, the most pixels a byte that a JPEG has, all are read."""
    plain = encoded(Image.new("L", (640, 480)), optimize=True, progressive=progressive)
    assert decode(plain, None).shape == (480, 640, 3)
    frame = plain.index(b"\xff\xc2" if progressive else b"\xff\xc0")
    assert plain[frame + 5 : frame + 9] == (480).to_bytes(2, "big") + (640).to_bytes(2, "big")
    damaged = plain[: frame + 5] + b"\x7f\xff" * 2 + plain[frame + 9 :]
    with pytest.raises(ValueError, match="bytes can't hold the 32767×32767 pixels they claim"):
        decode(damaged, None)


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_any_damage_gives_pixels_or_one_error(data: st.DataObject) -> None:
    damaged = bytearray(encoded(picture(), data.draw(st.sampled_from(["JPEG", "PNG"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = decode_image(bytes(damaged), "a", out=np.empty((32, 48, 3), np.uint8))
    except DataError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
