"""Weights of public networks give here what they give in their own code's arithmetic."""

from __future__ import annotations

import pytest
import torch

from mmaction.checkpoint.renaming import of_clips
from mmaction.convert.conversion import convert
from mmaction.explain.explainers.grad_cam import GradCAM
from mmaction.models.inference import fuse_for_inference
from mmaction.registry import MODELS
from tests.convert.zoo import TPN, ZOO, answer, in_their_names, random_state

FRAMES = 8
OF_EACH_KIND = ("TSM", "R(2+1)D", "I3D with non-local blocks", "TPN on SlowOnly")


@pytest.mark.parametrize("which", ZOO)
def test_the_same_weights_give_the_same_logits(which: str) -> None:
    zoo = ZOO[which]
    torch.manual_seed(0)
    images = zoo.network["type"] == "Recognizer2D"
    own = {
        name: value[:, :, 0] if images and value.ndim == 5 and "backbone" in name else value
        for name, value in random_state(dict(zoo.network, clip_len=FRAMES)).items()
    }
    theirs = in_their_names(own, zoo.names)
    assert not theirs.keys() & own.keys() - {n for n in own if "non_local" in n or "layer" in n}

    for layout in ("auto", zoo.layout):
        found = convert(theirs, layout=layout, source="x.pth")
        assert found.layout.name == zoo.layout
        assert found.settings == zoo.network
    assert found.dropped == {}
    built = MODELS.build(dict(found.settings, clip_len=FRAMES)).eval()
    built.load_state_dict(found.state)
    assert found.state.keys() == of_clips(own).keys()

    clips = torch.randn(2, 3, FRAMES, 64, 64)
    with torch.no_grad():
        expected = answer(clips, own, **zoo.computes)
        torch.testing.assert_close(built(clips).scores, expected, rtol=1e-5, atol=1e-5)
        fused = fuse_for_inference(built)
        torch.testing.assert_close(fused(clips).scores, expected, rtol=1e-4, atol=1e-4)


def test_tpns_own_tsm_without_its_neck_needs_the_word() -> None:
    """Its names are MMAction's, whose image networks are not shifted."""
    model = MODELS.build(dict(ZOO["TSN"].network, clip_len=FRAMES))
    own = {n: v[:, :, 0] if v.ndim == 5 else v for n, v in model.state_dict().items()}
    theirs = in_their_names(own, TPN)
    for layout, shift in (("auto", {}), ("tpn", dict(shift_div=8, shift_shortcut=True))):
        found = convert(theirs, layout=layout, source="x.pth").settings
        assert found == ZOO["TSN"].network | dict(backbone=ZOO["TSN"].network["backbone"] | shift)


@pytest.mark.parametrize("which", OF_EACH_KIND)
def test_grad_cam_says_where_and_when(which: str) -> None:
    model = MODELS.build(dict(ZOO[which].network, clip_len=FRAMES)).eval()
    found = GradCAM()(model, torch.randn(1, 3, FRAMES, 64, 64), 0)
    assert found.spatial.shape == (1, FRAMES, 2, 2)
    assert found.temporal.shape == (1, FRAMES)
