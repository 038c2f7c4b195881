import matplotlib
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.explain.colormap import (
    COLORMAPS,
    OPACITY,
    color_table,
    overlay,
    resize_frames,
    resize_maps,
    scale_clip,
    to_gray,
)


@pytest.mark.parametrize("colormap", COLORMAPS)
def test_colors_are_those_of_matplotlib(colormap):
    expected = np.rint(255 * matplotlib.colormaps[colormap](np.arange(256))[:, :3])
    np.testing.assert_allclose(color_table(colormap), expected, atol=1)


def test_one_scale_serves_the_whole_clip():
    maps = np.array([[[0.2, 0.3]], [[0.4, 0.6]]], dtype=np.float32)
    expected = [[[0.0, 0.25]], [[0.5, 1.0]]]  # (map - 0.2) / (0.6 - 0.2)
    np.testing.assert_allclose(scale_clip(maps), expected, atol=1e-6)


@given(
    value=st.floats(-10, 10, width=32),
    shape=st.tuples(st.integers(1, 4), st.integers(1, 4), st.integers(1, 4)),
)
def test_a_constant_map_is_in_the_middle(value, shape):
    scaled = scale_clip(np.full(shape, value, dtype=np.float32))
    np.testing.assert_array_equal(scaled, np.full(shape, 0.5))


@given(low=st.floats(0, 1, width=32), high=st.floats(0, 1, width=32))
def test_any_scale_ends_at_zero_and_one_or_in_the_middle(low, high):
    scaled = scale_clip(np.array([low, high, low], dtype=np.float32).reshape(3, 1, 1)).ravel()
    assert np.isfinite(scaled).all()
    if abs(high - low) > 1e-6:
        assert scaled.tolist() == ([0, 1, 0] if low < high else [1, 0, 1])


@settings(deadline=None, max_examples=40)
@given(
    clip_len=st.sampled_from([1, 2, 4, 5, 33, 128, 129, 260]),
    cells=st.tuples(st.integers(1, 9), st.integers(1, 9)),
    size=st.tuples(st.integers(1, 40), st.integers(1, 40)),
)
def test_resizing_is_bilinear_on_floats(clip_len, cells, size):
    maps = np.random.default_rng(0).random((clip_len, *cells), dtype=np.float32)
    expected = torch.nn.functional.interpolate(
        torch.from_numpy(maps)[None], size=size, mode="bilinear", align_corners=False
    )[0]
    np.testing.assert_allclose(resize_maps(maps, *size), expected.numpy(), atol=2e-6)


def test_maps_are_resized_before_they_are_colored():
    maps = np.array([[[0.0, 1.0]]], dtype=np.float32)
    frames = np.zeros((1, 1, 4, 3), dtype=np.uint8)
    # Half-pixel centres: the pixels lie at -1/4, 1/4, 3/4 and 5/4 of the way between the cells.
    levels = np.rint(255 * np.array([0, 0.25, 0.75, 1])).astype(int)
    expected = OPACITY * color_table()[levels]
    np.testing.assert_allclose(overlay(frames, maps)[0, 0], expected, atol=0.51)
    # Colours mixed afterwards would be others: purple and yellow make no blue.
    mixed = OPACITY * (0.75 * color_table()[0] + 0.25 * color_table()[255])
    assert np.abs(mixed - expected[1]).max() > 30


@settings(deadline=None, max_examples=30)
@given(
    clip_len=st.integers(1, 5),
    size=st.tuples(st.integers(1, 9), st.integers(1, 9)),
)
def test_overlay_mixes_by_opacity(clip_len, size):
    rng = np.random.default_rng(1)
    frames = rng.integers(0, 256, (clip_len, *size, 3), dtype=np.uint8)
    maps = rng.random((clip_len, *size), dtype=np.float32)
    result = overlay(frames, maps)
    colors = color_table()[np.rint(maps * 255).astype(int)]
    assert result.dtype == np.uint8
    expected = frames * (1 - OPACITY) + colors * OPACITY
    assert np.abs(result - expected).max() <= 0.51


def test_gray_is_the_luma_and_keeps_grays():
    frames = np.array([[[[255, 0, 0], [0, 255, 0], [0, 0, 255], [77, 77, 77]]]], dtype=np.uint8)
    luma = [round(255 * 0.299), round(255 * 0.587), round(255 * 0.114), 77]  # ITU-R BT.601
    np.testing.assert_array_equal(to_gray(frames)[0, 0], np.repeat(luma, 3).reshape(4, 3))


@pytest.mark.parametrize("size", [(4, 6), (13, 9), (40, 50)])
def test_frames_keep_their_mean_when_resized(size):
    frames = np.random.default_rng(2).integers(0, 256, (3, 20, 25, 3), dtype=np.uint8)
    resized = resize_frames(frames, *size)
    assert resized.shape == (3, *size, 3)
    assert abs(float(resized.mean()) - float(frames.mean())) < 4
