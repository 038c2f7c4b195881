from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers.baselines import baseline_clips


def test_mean_is_zero(plain, clips) -> None:
    assert not baseline_clips("mean", plain, clips).any()


def test_black_is_what_black_pixels_become(plain, clips) -> None:
    pixels = torch.zeros(2, 1, *clips.shape[2:], 3, dtype=torch.uint8)
    color = torch.eye(3, 4).repeat(2, 1, 1)

    class Sample:
        label = None

    data = dict(inputs=pixels, color=color, samples=[Sample(), Sample()])
    expected = plain.data_preprocessor(data)["clips"]
    torch.testing.assert_close(baseline_clips("black", plain, clips), expected)


def test_black_needs_a_preprocessor_that_knows_it(plain, clips) -> None:
    plain.data_preprocessor = torch.nn.Identity()
    with pytest.raises(ConfigError, match="baseline='black': Recognizer3D has no preprocessor"):
        baseline_clips("black", plain, clips)


def test_blur_smooths_each_frame_on_its_own(plain) -> None:
    clips = torch.zeros(1, 3, 3, 40, 60)
    clips[:, :, 1, 20, 30] = 1
    blurred = baseline_clips("blur", plain, clips)
    assert not blurred[:, :, [0, 2]].any()
    # Two pixels of 40; far from the edges a blur keeps the mean and spreads by its own variance.
    x = torch.arange(60.0) - 30
    row = blurred[0, 0, 1].sum(0)
    assert row.sum() == pytest.approx(1, abs=1e-5)
    assert (row * x**2).sum() == pytest.approx(2.0**2, rel=0.05)
