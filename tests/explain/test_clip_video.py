from fractions import Fraction

import av
import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.errors import UserError
from mmaction.explain.clip_video import (
    MIDDLE_GAP,
    STRIP_BARS,
    STRIP_HEIGHT,
    STRIP_PAD,
    check_encoder,
    compose_clip,
    shown_size,
    write_clip,
)
from mmaction.explain.sheet import PEAK


def decode(path) -> tuple[np.ndarray, av.VideoStream]:
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        frames = [frame.to_ndarray(format="rgb24") for frame in container.decode(stream)]
    return np.stack(frames), stream


@pytest.mark.parametrize(
    ("clip_len", "size"), [(1, (64, 64)), (16, (64, 64)), (5, (101, 57)), (3, (224, 224))]
)
def test_the_film_can_be_played(make_explanation, tmp_path, clip_len, size):
    explanation = make_explanation(clip_len=clip_len, size=size)
    write_clip(explanation, tmp_path / "clip.mp4", fps=12.5)
    frames, stream = decode(tmp_path / "clip.mp4")
    height, width = shown_size(*size)
    assert len(frames) == clip_len
    assert stream.codec_context.name == "h264"
    assert stream.codec_context.pix_fmt == "yuv420p"
    assert stream.average_rate == Fraction(25, 2)
    assert float(stream.duration * stream.time_base) == pytest.approx(clip_len / 12.5)
    total = height + STRIP_HEIGHT
    assert frames.shape[1:3] == (total + total % 2, 2 * width + MIDDLE_GAP)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
    data = (tmp_path / "clip.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat"), "the index comes first"


def test_left_are_the_frames_in_their_colors(make_explanation, tmp_path):
    explanation = make_explanation(clip_len=4, size=(64, 96))
    write_clip(explanation, tmp_path / "clip.mp4")
    frames, _ = decode(tmp_path / "clip.mp4")
    for found, frame in zip(frames, explanation.frames, strict=True):
        expected = cv2.resize(frame, (192, 128), interpolation=cv2.INTER_CUBIC).astype(float)
        # Compression and halved colour planes blur edges; the mean colour must be met.
        difference = found[:128, :192] - expected
        assert np.abs(difference).mean() < 6
        assert np.abs(difference.mean(axis=(0, 1))).max() < 2.5


def test_colors_are_those_the_file_says(make_explanation, tmp_path):
    frames = np.full((2, 192, 192, 3), (220, 40, 30), dtype=np.uint8)
    write_clip(make_explanation(clip_len=2, frames=frames), tmp_path / "clip.mp4")
    with av.open(str(tmp_path / "clip.mp4")) as container:
        frame = next(container.decode(video=0))
        planes = frame.to_ndarray()
        assert frame.colorspace == 1  # BT.709
        assert frame.color_range == 1  # 16..235
    red, green, blue = np.array([220, 40, 30]) / 255
    luma = 16 + 219 * (0.2126 * red + 0.7152 * green + 0.0722 * blue)  # ITU-R BT.709
    assert planes[10:180, 10:180].mean() == pytest.approx(luma, abs=1.5)


def test_the_present_weight_moves_along(make_explanation):
    explanation = make_explanation(
        clip_len=4, size=(192, 198), temporal=np.array([0.25, 1.0, 0.5, 0.0], dtype=np.float32)
    )
    pictures = compose_clip(explanation)
    width = 2 * 198 + MIDDLE_GAP
    bars = pictures[:, 192 + STRIP_PAD :][:, :STRIP_BARS, :width]
    for index, height in enumerate([9, 36, 18, 0]):  # of 36 pixels
        marked = (bars[index] == PEAK).all(axis=-1)
        assert marked[:, int((index + 0.5) * width / 4)].sum() == height
        assert not np.delete(marked.reshape(STRIP_BARS, 4, width // 4), index, axis=1).any()
    foot = pictures[:, 192 + STRIP_PAD + STRIP_BARS, :width]
    marked = (foot == PEAK).all(axis=-1).reshape(4, 4, width // 4).any(axis=-1)
    np.testing.assert_array_equal(marked, np.eye(4, dtype=bool))


@pytest.mark.parametrize("clip_len", [1, 7, 300])
@pytest.mark.parametrize("size", [(1, 1), (3, 250), (250, 3)])
def test_any_clip_can_be_composed(make_explanation, clip_len, size):
    pictures = compose_clip(make_explanation(clip_len=clip_len, size=size))
    assert len(pictures) == clip_len
    assert pictures.shape[1] % 2 == pictures.shape[2] % 2 == 0


@given(height=st.integers(1, 2000), width=st.integers(1, 2000))
def test_pictures_have_a_size_to_look_at(height, width):
    shown = shown_size(height, width)
    assert 192 <= max(shown) <= 640
    if max(height, width) <= 640:
        assert shown[0] * width == shown[1] * height
        assert shown[0] % height == 0


def test_a_missing_encoder_costs_one_line():
    check_encoder("libx264")
    with pytest.raises(UserError, match=r"needs the encoder no_such_codec.*pip install av"):
        check_encoder("no_such_codec")
