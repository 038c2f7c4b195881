from __future__ import annotations

import numpy as np
import pytest
import torch

from mmaction.errors import ConfigError, DataError
from mmaction.structures import ClipSample


def test_score_average_is_the_mean_of_logits(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain(average_views="score").eval()
    clips = torch.randn(4, 3, 4, 32, 32)
    results = model(clips, samples=["a", "b"], mode="predict")
    logits = model(clips).scores
    torch.testing.assert_close(results[1].scores, (logits[2] + logits[3]) / 2)


def test_one_label_a_video_serves_all_its_views(make_plain) -> None:
    torch.manual_seed(0)
    model = make_plain().eval()
    clips = torch.randn(4, 3, 4, 32, 32)
    twice = model(clips, labels=torch.tensor([1, 2]), mode="loss")
    spelt = model(clips, labels=torch.tensor([1, 1, 2, 2]), mode="loss")
    assert torch.equal(twice["loss_perception"], spelt["loss_perception"])


def test_wrong_input_is_refused(make_plain) -> None:
    model = make_plain()
    with pytest.raises(ValueError, match="B×3×T×H×W"):
        model(torch.zeros(1, 4, 32, 32))
    with pytest.raises(ValueError, match="'tensor', 'loss' or 'predict'"):
        model(torch.zeros(1, 3, 4, 32, 32), mode="train")
    with pytest.raises(DataError, match="labels"):
        model(torch.zeros(1, 3, 4, 32, 32), mode="loss")


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        (dict(num_classes=0), "model.num_classes=0"),
        (dict(clip_len=2.5), "model.clip_len=2.5"),
        (dict(average_views="max"), "average_views='max'"),
        (dict(max_views=0), "model.max_views=0"),
    ],
)
def test_wrong_arguments_are_named(make_plain, wrong: dict, named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        make_plain(**wrong)


def test_views_in_chunks_give_the_same_results(make_st_abn) -> None:
    """Chunks cut through videos, and no more than one goes through the network at once."""
    torch.manual_seed(0)
    videos, views = 3, 5
    batch = {
        "inputs": torch.randint(0, 256, (videos, views, 4, 32, 32, 3), dtype=torch.uint8),
        "color": torch.randn(videos, 3, 4) / 10 + torch.eye(3, 4),
        "samples": [ClipSample(n, f"video {n}", n, np.zeros((views, 4))) for n in range(videos)],
    }
    torch.manual_seed(1)
    expected = make_st_abn().eval().test_step(batch)
    for max_views in (1, 4, 15, 100):
        torch.manual_seed(1)
        model = make_st_abn(max_views=max_views).eval()
        sizes: list[int] = []
        model.backbone.register_forward_pre_hook(lambda _, args, to=sizes: to.append(len(args[0])))
        for results in (
            model.test_step(batch),
            model(**model.data_preprocessor(batch), mode="predict"),
        ):
            for result, one in zip(results, expected, strict=True):
                assert result.sample is one.sample
                for name in ("scores", "attention_scores"):
                    torch.testing.assert_close(
                        getattr(result, name), getattr(one, name), rtol=0, atol=1e-6
                    )
                for name in ("spatial_attention", "temporal_attention"):
                    torch.testing.assert_close(
                        getattr(result, name), getattr(one, name), rtol=0, atol=2e-5
                    )
        assert max(sizes) <= max_views
        assert sum(sizes) == 2 * videos * views
