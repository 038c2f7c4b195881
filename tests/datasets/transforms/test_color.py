from __future__ import annotations

import colorsys
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mmaction.datasets.transforms import color
from mmaction.datasets.transforms.color import ColorJitter
from mmaction.errors import ConfigError

PIXELS = np.random.default_rng(0).uniform(0, 255, (50, 3))


def apply(matrix: np.ndarray, pixels: np.ndarray) -> np.ndarray:
    return pixels @ matrix[:, :3].T + matrix[:, 3]


def luminance(pixels: np.ndarray) -> np.ndarray:
    return 0.299 * pixels[:, :1] + 0.587 * pixels[:, 1:2] + 0.114 * pixels[:, 2:]


def test_identity_changes_nothing() -> None:
    assert np.array_equal(apply(color.identity(), PIXELS), PIXELS)
    assert apply(color.hue(1), PIXELS) == pytest.approx(PIXELS)
    assert apply(jitter(0)["color"], PIXELS) == pytest.approx(PIXELS)


def test_hue_turns_the_colour_plane_of_yiq() -> None:
    turned = apply(color.hue(0.2), PIXELS)
    angle = 2 * np.pi * 0.2
    for before, after in zip(PIXELS, turned, strict=True):
        y, i, q = colorsys.rgb_to_yiq(*before)
        got_y, got_i, got_q = colorsys.rgb_to_yiq(*after)
        # colorsys rounds the constants of YIQ to two digits: one percent of the range.
        assert got_y == pytest.approx(y, abs=2.6)
        assert got_i == pytest.approx(i * np.cos(angle) - q * np.sin(angle), abs=2.6)
        assert got_q == pytest.approx(i * np.sin(angle) + q * np.cos(angle), abs=2.6)
    assert luminance(turned) == pytest.approx(luminance(PIXELS), abs=1e-9)
    grey = np.full((1, 3), 99.0)
    assert apply(color.hue(0.3), grey) == pytest.approx(grey, abs=1e-9)


def jitter(seed: int, **options: float) -> dict[str, Any]:
    return ColorJitter(**options)({"rng": np.random.default_rng(seed)})


@settings(max_examples=100, deadline=None)
@given(
    seed=st.integers(0, 1000),
    strengths=st.tuples(*[st.floats(0, 0.9)] * 3),
    hue=st.floats(0, 0.5),
    pca=st.floats(0, 0.2),
)
def test_one_matrix_equals_the_steps_one_by_one(
    seed: int, strengths: tuple[float, float, float], hue: float, pca: float
) -> None:
    brightness, contrast, saturation = strengths
    matrix = jitter(
        seed, brightness=brightness, contrast=contrast, saturation=saturation, hue=hue, pca=pca
    )["color"]
    assert matrix.shape == (3, 4)
    assert matrix.dtype == np.float32

    # The same draws again, each applied to the pixels.
    rng = np.random.default_rng(seed)
    rng.random()
    pixels = PIXELS * rng.uniform(1 - brightness, 1 + brightness)
    pixels = 127.5 + (pixels - 127.5) * rng.uniform(1 - contrast, 1 + contrast)
    factor = rng.uniform(1 - saturation, 1 + saturation)
    pixels = factor * pixels + (1 - factor) * luminance(pixels)
    angle = 2 * np.pi * rng.uniform(-hue, hue)
    to_yiq = np.array([[0.299, 0.587, 0.114], [0.596, -0.274, -0.322], [0.211, -0.523, 0.312]])
    y, i, q = to_yiq @ pixels.T
    turned = [y, i * np.cos(angle) - q * np.sin(angle), i * np.sin(angle) + q * np.cos(angle)]
    pixels = np.linalg.solve(to_yiq, np.stack(turned)).T
    amounts = np.array([55.4625, 4.7940, 1.1475]) * rng.normal(0, pca, 3)
    directions = [
        [-0.5675, 0.7192, 0.4009],
        [-0.5808, -0.0045, -0.8140],
        [-0.5836, -0.6948, 0.4203],
    ]
    pixels = pixels + np.array(directions) @ amounts
    assert apply(matrix, PIXELS) == pytest.approx(pixels, rel=1e-4, abs=0.05)


def test_factors_stay_in_range_and_vary() -> None:
    factors = [jitter(seed, brightness=0.4)["color"][0, 0] for seed in range(300)]
    assert 0.6 <= min(factors) < 0.65
    assert 1.35 < max(factors) <= 1.4
    assert min(jitter(seed, brightness=3.0)["color"][0, 0] for seed in range(50)) >= 0


def test_prob_is_how_often_colours_change() -> None:
    changed = sum("color" in jitter(seed, hue=0.1, prob=0.3) for seed in range(1000))
    assert abs(changed - 300) < 75  # 5 standard deviations
    assert "color" not in jitter(0, hue=0.1, prob=0)


def test_builds_on_an_earlier_jitter(make_results: Callable[..., dict[str, Any]]) -> None:
    results = make_results() | {"color": color.brightness(0.5).astype(np.float32)}
    assert ColorJitter()(results)["color"] == pytest.approx(color.brightness(0.5), abs=1e-6)


@pytest.mark.parametrize(
    "options", [{"brightness": -1}, {"hue": 0.6}, {"prob": 1.1}, {"pca": -0.1}]
)
def test_wrong_settings_are_named(options: dict[str, float]) -> None:
    [(key, value)] = options.items()
    with pytest.raises(ConfigError, match=rf"ColorJitter: {key}={value}; it lies in \[0, "):
        ColorJitter(**options)
