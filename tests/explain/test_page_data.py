"""What the page's player reads."""

import base64
import json

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.explain.colormap import OPACITY, color_table
from mmaction.explain.page.embed import relative_url, script_json
from mmaction.explain.page.video_data import quantise, write_player, write_thumbnail
from tests.explain.pages import player_data


@given(st.text())
def test_any_text_survives_in_a_script_and_is_ascii(text):
    written = script_json({"name": text})
    assert json.loads(written) == {"name": text}
    assert written.isascii()
    assert not set("<>&") & set(written)


def test_what_json_has_no_words_for_is_refused():
    with pytest.raises(ValueError, match="not JSON compliant|Out of range"):
        script_json([float("nan")])


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("a b/c", "./a%20b/c"),
        ("c:d?e#f%g", "./c%3Ad%3Fe%23f%25g"),
        ("\udcff", "./%FF"),
        ("--x", "./--x"),
    ],
)
def test_urls(path, expected):
    assert relative_url(path) == expected


def test_levels_are_the_clips_scale_within_half_a_step():
    maps = np.random.default_rng(0).uniform(-3, 5, (4, 7, 9)).astype(np.float32)
    levels = quantise(maps)
    assert levels.dtype == np.uint8
    assert (levels.min(), levels.max()) == (0, 255)
    exact = (maps - maps.min()) / (maps.max() - maps.min())
    assert np.abs(levels / 255 - exact).max() <= 0.5 / 255 + 1e-6


def test_a_map_that_is_the_same_everywhere_is_in_the_middle():
    assert set(quantise(np.full((2, 3, 3), 0.7, dtype=np.float32)).flat) <= {127, 128}


def test_fine_maps_are_averaged_down():
    maps = np.kron(np.arange(64 * 32).reshape(1, 64, 32), np.ones((1, 4, 4))).astype(np.float32)
    levels = quantise(maps)
    assert levels.shape == (1, 64, 32)
    np.testing.assert_allclose(levels.flat, np.linspace(0, 255, 64 * 32), atol=0.6)


def test_the_script_holds_pixels_maps_and_numbers(tmp_path, make_explanation):
    explanation = make_explanation(clip_len=3, label=None)
    write_player([[explanation]], tmp_path / "player.js", fps=12.5)
    data = player_data(tmp_path)
    assert (data["name"], data["rate"], data["label"]) == ("person 1/bend", 12.5, None)
    assert sum(data["scores"]) == pytest.approx(1, abs=1e-5)
    (view,) = data["views"]
    assert view["numbers"] == [1, 3, 5]
    for jpeg, frame in zip(view["frames"], explanation.frames, strict=True):
        found = cv2.imdecode(np.frombuffer(base64.b64decode(jpeg), np.uint8), cv2.IMREAD_COLOR)
        assert np.abs(found[..., ::-1].astype(int) - frame).mean() < 6
    (maps,) = view["maps"]
    levels = np.frombuffer(base64.b64decode(maps["levels"]), np.uint8)
    restored = maps["low"] + levels / 255 * (maps["high"] - maps["low"])
    np.testing.assert_allclose(restored, explanation.spatial.ravel(), atol=0.002)
    np.testing.assert_allclose(maps["temporal"], explanation.temporal, rtol=1e-5)
    assert (maps["method"], maps["target"]) == ("attention", None)


def test_large_frames_are_made_smaller(tmp_path, make_explanation):
    explanation = make_explanation(clip_len=1, size=(400, 1280))
    write_player([[explanation]], tmp_path / "player.js", fps=8)
    (view,) = player_data(tmp_path)["views"]
    assert (view["height"], view["width"]) == (200, 640)


def test_the_thumbnail_is_the_frame_of_the_highest_weight(tmp_path, make_explanation):
    frames = np.zeros((3, 300, 600, 3), dtype=np.uint8)
    frames[1] = 255
    temporal = np.array([0.1, 0.9, 0.2], dtype=np.float32)
    flat = np.ones((3, 2, 2), dtype=np.float32)
    explanation = make_explanation(clip_len=3, frames=frames, spatial=flat, temporal=temporal)
    write_thumbnail(explanation, tmp_path / "thumb.jpg")
    picture = cv2.imread(str(tmp_path / "thumb.jpg"))[..., ::-1]
    assert picture.shape == (64, 128, 3)
    expected = (1 - OPACITY) * 255 + OPACITY * color_table()[128]
    assert np.abs(picture - expected).max() < 4  # as JPEG has it
