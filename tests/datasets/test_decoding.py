from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmaction.datasets import decoding
from mmaction.datasets.decoding import DECODERS, DecodeFrames, decode_cv2, is_cut_short
from mmaction.datasets.frame_directory import find_frames
from mmaction.errors import ConfigError, DataError

BACKENDS = [
    pytest.param(
        name,
        marks=pytest.mark.skipif(
            name == "simplejpeg" and decoding.simplejpeg is None, reason="simplejpeg is missing"
        ),
    )
    for name in DECODERS
]


def picture(width: int = 48, height: int = 32) -> Image.Image:
    down, across = np.mgrid[:height, :width]
    pixels = np.stack([across * 5, down * 7, 255 - across * 3 - down], axis=2)
    return Image.fromarray(pixels.astype(np.uint8))


def encoded(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def decode(root: Path, positions: list[list[int]], backend: str = "cv2") -> dict[str, Any]:
    results = {
        "name": "video",
        "source": find_frames(root, "video"),
        "frame_indices": np.array(positions),
    }
    return DecodeFrames(backend=backend)(results)


@pytest.fixture
def root(tmp_path: Path, write_frames: Callable[..., Path]) -> Path:
    write_frames(tmp_path / "video", 6, width=40, height=30)
    return tmp_path


@pytest.mark.parametrize("backend", BACKENDS)
def test_decodes_each_distinct_frame_once_as_rgb(root: Path, backend: str) -> None:
    positions = [[4, 1, 1], [5, 4, 0]]
    results = decode(root, positions, backend)
    assert results["frames"].shape == (4, 30, 40, 3)
    assert results["frames"].dtype == np.uint8
    for clip, row in enumerate(positions):
        for time, position in enumerate(row):
            bgr = cv2.imread(str(root / "video" / f"img_{position + 1:05d}.jpg"))
            frame = results["frames"][results["frame_slots"][clip, time]]
            assert np.array_equal(frame, bgr[:, :, ::-1])
    [view] = results["views"]
    assert (view.width, view.height) == (40, 30)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("subsampling", [0, 1, 2])
@pytest.mark.parametrize("progressive", [False, True])
def test_backends_give_the_same_pixels(backend: str, subsampling: int, progressive: bool) -> None:
    data = encoded(picture(61, 43), subsampling=subsampling, progressive=progressive)
    out = np.empty((43, 61, 3), np.uint8)
    image = DECODERS[backend](data, out)
    assert np.shares_memory(image, out)
    assert np.array_equal(image, decode_cv2(data))


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_kind_of_picture_becomes_rgb(backend: str) -> None:
    rgb = picture()
    grey = rgb.convert("L")
    as_rgb = np.asarray(grey.convert("RGB"))
    decoder = DECODERS[backend]
    assert np.array_equal(decoder(encoded(grey, "PNG"), None), as_rgb)
    assert np.abs(decoder(encoded(grey, quality=95), None).astype(int) - as_rgb).max() <= 4
    with_alpha = rgb.copy()
    with_alpha.putalpha(grey)
    assert np.array_equal(decoder(encoded(with_alpha, "PNG"), None), np.asarray(rgb))
    sixteen_bits = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    assert np.array_equal(decoder(encoded(sixteen_bits, "PNG"), None), as_rgb)
    # An RGB image in CMYK without black; chroma is what JPEG loses most of.
    cmyk = decoder(encoded(rgb.convert("CMYK"), quality=98), None)
    assert np.abs(cmyk.astype(int) - np.asarray(rgb)).mean() < 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_exif_orientation_is_not_applied(backend: str) -> None:
    image = picture()
    exif = image.getexif()
    exif[0x0112] = 6  # to be turned by 90 degrees
    turned = encoded(image, exif=exif.tobytes())
    assert cv2.imdecode(np.frombuffer(turned, np.uint8), cv2.IMREAD_COLOR).shape == (48, 32, 3)
    assert np.array_equal(DECODERS[backend](turned, None), decode_cv2(encoded(image)))


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("kept", [0.2, 0.6, 0.97])
@pytest.mark.parametrize("filled", [b"", b"\0" * 500], ids=["cut", "zeros"])
def test_truncated_jpeg_is_named(root: Path, backend: str, kept: float, filled: bytes) -> None:
    path = root / "video" / "img_00002.jpg"
    data = path.read_bytes()
    path.write_bytes(data[: int(len(data) * kept)] + filled)
    with pytest.raises(DataError, match=r"img_00002.jpg' (is truncated|can't be decoded)") as error:
        decode(root, [[0, 1, 2]], backend)
    assert "\n" not in str(error.value)


def test_end_marker_is_found_where_it_counts() -> None:
    whole = encoded(picture())
    thumbnail = encoded(picture(8, 8))
    # An application segment that holds a whole JPEG, as cameras write it.
    segment = b"\xff\xe1" + (len(thumbnail) + 2).to_bytes(2, "big") + thumbnail
    with_thumbnail = whole[:2] + segment + whole[2:]
    assert decode_cv2(with_thumbnail).shape == (32, 48, 3)
    for data in (whole, with_thumbnail, whole + b"trailing notes", whole + b"\0" * 100):
        assert not is_cut_short(data)
    assert is_cut_short(whole[:-2])
    assert is_cut_short(with_thumbnail[:-2])
    png = encoded(picture(), "PNG")
    assert not is_cut_short(png)
    assert is_cut_short(png[:-12])


@pytest.mark.parametrize(
    "data", [b"no picture at all", b"\xff\xd8\xff\xe0\xff\xd9", b"\x89PNG IEND"]
)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_is_no_picture_is_named(root: Path, backend: str, data: bytes) -> None:
    (root / "video" / "img_00003.jpg").write_bytes(data)
    with pytest.raises(DataError, match=r"img_00003.jpg' can't be decoded: ") as error:
        decode(root, [[0, 1, 2]], backend)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize(("width", "height"), [(40, 32), (38, 30), (30, 40)])
def test_odd_size_within_a_clip_is_named(root: Path, backend: str, width: int, height: int) -> None:
    (root / "video" / "img_00003.jpg").write_bytes(encoded(picture(width, height)))
    with pytest.raises(
        DataError,
        match=rf"img_00003.jpg' is {width}×{height} pixels, but .*img_00001.jpg' is 40×30",
    ):
        decode(root, [[0, 1, 2]], backend)


def test_missing_frame_is_named(root: Path) -> None:
    with pytest.raises(
        DataError, match=r"img_00009.jpg' does not exist; the directory has 6 frames"
    ):
        decode(root, [[0, 8]])


def test_unknown_backend() -> None:
    with pytest.raises(ConfigError, match="backend='turbo' is none; there are: cv2, simplejpeg"):
        DecodeFrames(backend="turbo")


@settings(max_examples=150, deadline=None)
@given(st.data())
@pytest.mark.parametrize("backend", BACKENDS)
def test_any_damage_gives_pixels_or_one_error(backend: str, data: st.DataObject) -> None:
    damaged = bytearray(encoded(picture(), data.draw(st.sampled_from(["JPEG", "PNG"]))))
    for _ in range(data.draw(st.integers(1, 5))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] = data.draw(st.integers(0, 255))
    try:
        image = DECODERS[backend](bytes(damaged), np.empty((32, 48, 3), np.uint8))
    except ValueError:
        return
    assert image.dtype == np.uint8
    assert image.ndim == 3
    assert image.shape[2] == 3
