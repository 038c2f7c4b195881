from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.models import ClipPreprocessor
from mmaction.structures import ClipSample

MEAN, STD = (10.0, 20.0, 30.0), (2.0, 4.0, 8.0)


def batch(videos: int, views: int, labels: list[int | None]) -> dict:
    samples = [
        ClipSample(index=i, name=f"v{i}", label=label, frame_indices=np.zeros((views, 2)))
        for i, label in enumerate(labels)
    ]
    inputs = torch.randint(0, 256, (videos, views, 2, 4, 5, 3), dtype=torch.uint8)
    color = torch.eye(3, 4).repeat(videos, 1, 1) + 0.1 * torch.randn(videos, 3, 4)
    return dict(inputs=inputs, color=color, samples=samples)


def test_equals_jitter_then_normalisation_pixel_by_pixel() -> None:
    torch.manual_seed(0)
    data = batch(2, 3, [1, 0])
    out = ClipPreprocessor(mean=MEAN, std=STD)(data)
    assert out["clips"].shape == (6, 3, 2, 4, 5)
    assert out["clips"].dtype == torch.float32
    assert out["clips"].is_contiguous(memory_format=torch.channels_last_3d)
    for video in range(2):
        for view in range(3):
            rgb = data["inputs"][video, view].double()
            matrix = data["color"][video].double()
            jittered = rgb @ matrix[:, :3].T + matrix[:, 3]
            expected = (jittered - torch.tensor(MEAN)) / torch.tensor(STD)
            got = out["clips"][3 * video + view].permute(1, 2, 3, 0).double()
            torch.testing.assert_close(got, expected, rtol=1e-4, atol=1e-3)


def test_labels_become_a_tensor_and_missing_ones_none() -> None:
    preprocessor = ClipPreprocessor()
    assert preprocessor(batch(2, 1, [3, 1]))["labels"].tolist() == [3, 1]
    assert preprocessor(batch(2, 1, [3, None]))["labels"] is None
    assert preprocessor({**batch(2, 1, [3, 1]), "samples": []})["labels"] is None


@pytest.mark.parametrize("wrong", [dict(std=(1.0, 0.0, 1.0)), dict(mean=(1.0,))])
def test_refuses_wrong_statistics(wrong: dict) -> None:
    with pytest.raises(ConfigError, match="std above 0"):
        ClipPreprocessor(**wrong)


def test_holds_nothing_that_a_checkpoint_would_carry() -> None:
    assert ClipPreprocessor().state_dict() == {}


def test_mixed_precision_leaves_the_clips_alone() -> None:
    torch.manual_seed(0)
    data = batch(1, 2, [1])
    preprocessor = ClipPreprocessor(mean=MEAN, std=STD)
    expected = preprocessor(data)["clips"]
    with torch.autocast("cpu", dtype=torch.bfloat16):
        got = preprocessor(data)["clips"]
    assert torch.equal(got, expected)
