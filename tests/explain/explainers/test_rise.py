from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mmaction.explain.explainers import RISE


def masks_of(explainer: RISE, size: tuple[int, ...]) -> torch.Tensor:
    return torch.cat(list(explainer._draw(size, chunk=7, device=torch.device("cpu"))))


@pytest.mark.parametrize("batch_size", [1, 2, 7, 100])
@pytest.mark.parametrize("grid", [(1, 1, 1), (2, 3, 3), (9, 50, 50)])
def test_recomputed_mask_by_mask(st_abn, clips, grid: tuple[int, ...], batch_size: int) -> None:
    explainer = RISE(masks=9, grid=grid, batch_size=batch_size)
    target = torch.tensor([3, 0])
    explanation = explainer(st_abn, clips, target)
    st_abn.eval()
    masks, weighed = masks_of(explainer, (4, 32, 32)), torch.zeros(2, 4, 32, 32)
    for mask in masks:
        probabilities = st_abn(clips * mask).scores.softmax(1).detach()
        weighed += probabilities[torch.arange(2), target][:, None, None, None] * mask
    # A pixel that no mask shows is zero in both.
    expected = weighed / masks.sum(0).clamp_min(1e-12)
    torch.testing.assert_close(explanation.spatial, expected, rtol=1e-4, atol=1e-5)


def test_masks_show_every_pixel_equally_often() -> None:
    masks = masks_of(RISE(masks=600, grid=(2, 3, 4), keep=0.3), (5, 10, 11))
    assert masks.shape == (600, 5, 10, 11)
    assert 0 <= masks.min() <= masks.max() <= 1
    # A pixel's standard error is at most sqrt(.3 * .7 / 600) = 0.019.
    assert (masks.mean(0) - 0.3).abs().max() < 5 * 0.019


def test_masks_are_cells_of_the_grid_s_size_at_many_offsets() -> None:
    """Enlarged from h to (h+1)·C pixels, a cell is (h+1)·C/h pixels wide; offsets are 0 to C-1."""
    masks = masks_of(RISE(masks=300, grid=(1, 1, 2)), (2, 2, 8))
    assert (masks == masks[:, :1, :1]).all()
    cells = torch.tensor([[0.0, 1.0], [1.0, 0.0]])
    enlarged = F.interpolate(cells[None], size=12, mode="linear", align_corners=False)[0]
    expected = {tuple(row[o : o + 8].tolist()) for row in enlarged for o in range(4)}
    expected |= {(0.0,) * 8, (1.0,) * 8}
    assert {tuple(mask[0, 0].tolist()) for mask in masks} == expected


def test_other_seeds_other_masks() -> None:
    first, again, other = (masks_of(RISE(masks=5, seed=s), (4, 8, 8)) for s in (1, 1, 2))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)
