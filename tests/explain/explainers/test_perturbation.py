from __future__ import annotations

import pytest
import torch

from mmaction.errors import ConfigError
from mmaction.explain.explainers import Perturbation
from mmaction.explain.explainers.perturbation import area_penalty, roughness


def test_the_mask_lies_where_and_when_the_network_reads(make_linear) -> None:
    """The network compares two boxes with what this clip has there, one for each class."""
    clips = torch.randn(1, 3, 4, 16, 16, generator=torch.Generator().manual_seed(0))
    boxes = torch.zeros(2, 4, 4, 4, dtype=torch.bool)  # classes, cells of 1×4×4
    boxes[0, :2, :2, 2:] = True
    boxes[1, 2:, 2:, :2] = True
    pixels = boxes.repeat_interleave(4, 2).repeat_interleave(4, 3)
    network = make_linear(clips * pixels[:, None] / 10)  # soon sure: p is all but 1
    explainer = Perturbation(areas=(0.125,), grid=(4, 4, 4), smoothness=0)
    for target in (0, 1):
        found = explainer(network, clips, target)
        box = boxes[target]
        assert box.sum() == 8 == round(0.125 * box.numel())
        assert found.spatial[0][box].min() > 0.9
        assert found.spatial[0][~box].max() < 0.1


def test_penalties_by_hand() -> None:
    """Sorted: .1 .3 .5 .9 and 0 0 1 1; a half: .01 + .09 + .25 + .01, over four cells."""
    masks = torch.tensor([0.9, 0.1, 0.5, 0.3]).view(1, 1, 2, 2).repeat(2, 1, 1, 1)
    found = area_penalty(masks, torch.tensor([0.5, 0.25]))
    torch.testing.assert_close(found, torch.tensor([0.36 / 4, 0.36 / 4]))
    # Rows .9 .1 and .5 .3: down .4² and .2², across .8² and .2²; one step in time has no neighbour.
    torch.testing.assert_close(roughness(masks[:1]), torch.tensor([0.20 / 2 + 0.68 / 2]))


@pytest.mark.parametrize("area", [0.1, pytest.param(0.3, marks=pytest.mark.slow)])
def test_masks_show_their_area_and_smooth_ones_are_smoother(st_abn, clips, area: float) -> None:
    options = dict(areas=(area,), grid=(4, 4, 4), steps=40)
    rough, smooth = (
        Perturbation(**options, smoothness=weight)(st_abn, clips, 1).spatial for weight in (0, 1)
    )
    torch.testing.assert_close(rough.mean(dim=(1, 2, 3)), torch.full((2,), area), atol=0.03, rtol=0)
    assert (roughness(smooth) < 0.5 * roughness(rough)).all()


def test_the_map_is_the_mean_over_areas(linear, small_clips) -> None:
    """The first area's mask is the same alone; the second one's has its own part of the noise."""
    options = dict(grid=(2, 3, 3), steps=30)
    both = Perturbation(areas=(0.2, 0.5), **options)(linear, small_clips, 1).spatial
    first = Perturbation(areas=(0.2,), **options)(linear, small_clips, 1).spatial
    second = 2 * both - first
    assert second.min() > -1e-5
    assert second.max() < 1 + 1e-5
    assert (second.mean((1, 2, 3)) > 0.2 + first.mean((1, 2, 3))).all()


@pytest.mark.parametrize("areas", [(), (0.0,), (1.0,), 0.1, "0.1"])
def test_refuses_areas_that_can_not_be(areas: object) -> None:
    with pytest.raises(ConfigError, match="explainer perturbation: areas=.*, expected numbers"):
        Perturbation(areas=areas)
