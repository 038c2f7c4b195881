from __future__ import annotations

import pytest
import torch

from mmaction.models.attention_priors import local_change, still_share


def test_change_of_one_cell_counted_by_hand() -> None:
    """One channel, 4 frames, 2×2 cells of 2×2 pixels; a cell jumps by 8 in one of its pixels."""
    clips = torch.zeros(1, 1, 4, 4, 4)
    clips[0, 0, 2:, 0, 3] = 8  # from frame 1 to frame 2, upper right cell: mean change 8 / 4 = 2
    change = local_change(clips, cells=(4, 2, 2))
    mean = 2 * 2 / 16  # frames 1 and 2 see the jump on either side
    expected = torch.zeros(1, 4, 2, 2)
    expected[0, 1:3, 0, 1] = 2 / (2 + mean)
    torch.testing.assert_close(change, expected, rtol=1e-5, atol=0)


def test_where_all_changes_alike_all_cells_are_one_half_and_where_nothing_does_zero() -> None:
    moving = torch.arange(4.0).view(1, 1, 4, 1, 1).expand(1, 3, 4, 6, 6)
    torch.testing.assert_close(local_change(moving, cells=(4, 3, 3)), torch.full((1, 4, 3, 3), 0.5))
    still = torch.rand(1, 3, 1, 6, 6).expand(1, 3, 4, 6, 6)
    assert local_change(still, cells=(4, 3, 3)).abs().max() == 0
    assert local_change(still[:, :, :1], cells=(1, 3, 3)).abs().max() == 0


def test_under_a_temporal_stride_a_step_takes_the_largest_change_of_its_frames() -> None:
    clips = torch.zeros(1, 1, 5, 2, 2)
    clips[0, 0, 4] = 1  # seen by frames 3 and 4: by the second step, and the third
    change = local_change(clips, cells=(3, 1, 1)).flatten()
    assert change[0] == 0
    assert change[1] == change[2] > 0.5


@pytest.mark.parametrize("factor", [1.0, 0.01])
def test_still_share_counted_by_hand(factor: float) -> None:
    """It looks at shares: a map that is low everywhere is no better."""
    spatial = torch.tensor([[[[1.0, 3.0]]], [[[2.0, 0.0]]], [[[1.0, 1.0]]]]) * factor
    change = torch.tensor([[[[0.0, 1.0]]], [[[0.0, 1.0]]], [[[0.5, 0.9]]]])
    torch.testing.assert_close(still_share(spatial, change), torch.tensor([0.25, 1.0, 0.3]))


def test_a_map_of_zeros_gets_a_finite_answer() -> None:
    assert still_share(torch.zeros(1, 2, 3, 3), torch.ones(1, 2, 3, 3)).isfinite().all()


def test_its_gradient_draws_attention_to_where_something_changes() -> None:
    spatial = torch.full((1, 1, 1, 4), 0.5, requires_grad=True)
    change = torch.tensor([[[[0.0, 0.2, 0.8, 0.9]]]])
    still_share(spatial, change).sum().backward()
    assert spatial.grad is not None
    assert (spatial.grad.flatten()[:2] > 0).all()
    assert (spatial.grad.flatten()[2:] < 0).all()
