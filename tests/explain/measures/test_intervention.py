from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from mmaction.errors import DataError
from mmaction.explain.measures.intervention import (
    INTACT,
    intervention,
    recorded,
    replaced,
    substituted,
)
from mmaction.structures import Prediction


class Mechanism(nn.Module):
    def forward(self, features: Tensor, spatial: Tensor, temporal: Tensor) -> Tensor:
        return features * spatial * temporal


class LooksWhereItSays(nn.Module):
    """Four classes: which of two cells, in which of two frames, its attention lies on."""

    def __init__(self) -> None:
        super().__init__()
        self.attention_mechanism = Mechanism()

    def forward(self, clips: Tensor) -> Prediction:
        red = clips[:, :1]
        spatial = red.amax(dim=2, keepdim=True).expand_as(red)
        temporal = red.amax(dim=(3, 4), keepdim=True)
        seen = self.attention_mechanism(torch.ones_like(red), spatial, temporal)
        return Prediction(scores=seen.flatten(1))

    def probabilities(self, scores: Tensor) -> Tensor:
        return scores.softmax(dim=-1)


def clips() -> Tensor:
    """Four clips of two frames of 1×2 pixels, each lit at another one of the four places."""
    lit = torch.eye(4).reshape(4, 1, 2, 1, 2)
    return lit.expand(4, 3, 2, 1, 2).clone()


def test_what_needs_its_attention_loses_by_its_loss() -> None:
    model = LooksWhereItSays()

    def batches() -> Iterator[Tensor]:
        yield from clips().split(3)  # the last one is shorter

    found = intervention(model, batches, np.arange(4), rng=np.random.default_rng(0))
    assert found[INTACT]["correct"].tolist() == [1, 1, 1, 1]
    # Everything the same: argmax takes the first of those that are left.
    assert found["both_uniform"]["correct"].tolist() == [1, 0, 0, 0]
    assert found["spatial_uniform"]["correct"].tolist() == [1, 0, 1, 0]
    assert found["temporal_uniform"]["correct"].tolist() == [1, 1, 0, 0]
    assert found["both_another"]["correct"].tolist() == [0, 0, 0, 0]
    # Logits 1, 0, 0, 0 with the attention, a quarter each without its pattern.
    np.testing.assert_allclose(found[INTACT]["probability"], np.e / (np.e + 3))
    np.testing.assert_allclose(found["both_uniform"]["probability"], 0.25)
    assert not model.attention_mechanism._forward_pre_hooks


def test_classes_that_are_questions_of_their_own_are_answered_by_themselves() -> None:
    model = LooksWhereItSays()
    model.probabilities = torch.sigmoid  # type: ignore[method-assign]
    found = intervention(model, lambda: [clips()], np.arange(4), rng=np.random.default_rng(0))
    np.testing.assert_allclose(found[INTACT]["probability"], np.e / (np.e + 1))


def test_the_network_is_left_as_it_was_after_an_error_too() -> None:
    model = LooksWhereItSays().train()

    def batches() -> Iterator[Tensor]:
        yield clips()
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        intervention(model, batches, np.arange(4), rng=np.random.default_rng(0))
    assert model.training
    assert not model.attention_mechanism._forward_pre_hooks


def test_maps_of_st_abn_reach_its_mechanism(st_abn: nn.Module) -> None:
    """Another's A_t and A_s change the logits of a real network as computed by hand."""
    model = st_abn.eval()
    data = torch.randn(2, 3, 4, 32, 32)
    with torch.no_grad():
        features = model.backbone(data)
        own = model.attention_branch(features)
        expected = model.perception_branch(
            model.attention_mechanism(features, own.spatial.flip(0), own.temporal.flip(0))
        )
        seen: list[tuple[Tensor, Tensor]] = []
        with recorded(model.attention_mechanism, seen):
            before = model(data).scores
        torch.testing.assert_close(seen[0][0], own.spatial)
        with substituted(model.attention_mechanism, seen[0][0].flip(0), seen[0][1].flip(0)):
            changed = model(data).scores
        torch.testing.assert_close(changed, expected)
        torch.testing.assert_close(model(data).scores, before)
        assert not torch.equal(changed, before)


def test_kinds_of_maps() -> None:
    rng = np.random.default_rng(0)
    other = torch.tensor([1, 0])
    spatial, temporal = torch.rand(2, 1, 3, 4, 5), torch.rand(2, 1, 3, 1, 1)
    for maps in (spatial, temporal):
        even = replaced(maps, "uniform", other, rng)
        torch.testing.assert_close(even[0], maps[0].mean().expand_as(maps[0]))
        torch.testing.assert_close(replaced(maps, "another", other, rng), maps.flip(0))
    in_space = replaced(spatial, "shuffled", other, rng)
    assert not torch.equal(in_space, spatial)
    torch.testing.assert_close(in_space.flatten(3).sort()[0], spatial.flatten(3).sort()[0])
    in_time = replaced(temporal.expand(2, 1, 3, 1, 1), "shuffled", other, rng)
    torch.testing.assert_close(in_time.flatten(1).sort()[0], temporal.flatten(1).sort()[0])


def test_a_network_without_attention(plain: nn.Module) -> None:
    with pytest.raises(DataError, match="'intervention' needs .* Recognizer3D has not"):
        intervention(plain, lambda: iter(()), np.zeros(1, dtype=int), rng=np.random.default_rng(0))
