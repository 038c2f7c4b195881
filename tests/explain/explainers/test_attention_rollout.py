from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import AttentionRollout
from mmaction.explain.explainers.attention_rollout import rolled_out


def test_two_layers_by_hand() -> None:
    """A class token and two patches.

    First layer, ½A + ½I:    Second layer, ½A + ½I:    Their product, second·first:
        1    0    0              .5   .25  .25
        .25  .75  0              0    1    0               .25  .75  0
        0    .5   .5             .5   0    .5              .5   .25  .25
    Patches attend from the last two rows, whose mean is (.375, .5, .125).
    """
    first = torch.tensor([[[1.0, 0, 0], [0.5, 0.5, 0], [0, 1, 0]]])
    second = torch.tensor([[[0, 0.5, 0.5], [0, 1.0, 0], [1, 0, 0]]])
    found = rolled_out([first, second], prefix=1)
    torch.testing.assert_close(found, torch.tensor([[0.375, 0.5, 0.125]]))


def test_the_map_is_the_product_of_all_layers(make_model, clips) -> None:
    model = make_model("tokens").eval()
    maps = AttentionRollout()(model, clips, 0).spatial
    product = torch.eye(8)
    for attention in model.backbone.attentions(clips):
        product = (attention + torch.eye(8)) / 2 @ product
    # 2×2×2 tokens of two frames each, the picture's columns running fastest.
    expected = product.mean(dim=1).view(2, 2, 2, 2).repeat_interleave(2, dim=1)
    torch.testing.assert_close(maps, expected.detach())
    torch.testing.assert_close(maps.sum(dim=(1, 2, 3)), torch.full((2,), 2.0))


def test_refuses_what_is_no_transformer(plain, clips) -> None:
    with pytest.raises(ConfigError, match="the backbone of Recognizer3D is no transformer"):
        AttentionRollout()(plain, clips, 0)
