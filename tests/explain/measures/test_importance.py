from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from mmaction.explain.measures.importance import has_own_temporal, joint_importance, ranked


def test_frame_sums_and_means_are_no_weights_of_their_own() -> None:
    spatial = np.random.default_rng(0).random((2, 5, 3, 4))
    for temporal in (spatial.sum(axis=(2, 3)), spatial.mean(axis=(2, 3)).astype(np.float32)):
        assert not has_own_temporal(spatial, temporal).any()
        np.testing.assert_array_equal(joint_importance(spatial, temporal), spatial)


def test_weights_of_their_own_multiply_clip_by_clip() -> None:
    """Whether a clip's weights are its own does not depend on the clips beside it."""
    spatial = np.random.default_rng(0).random((2, 3, 2, 2))
    temporal = np.stack([spatial[0].sum(axis=(1, 2)), [0.5, 0.0, 1.0]])
    assert has_own_temporal(spatial, temporal).tolist() == [False, True]
    joint = joint_importance(spatial, temporal)
    np.testing.assert_array_equal(joint[0], spatial[0])
    for frame, weight in enumerate((0.5, 0.0, 1.0)):
        np.testing.assert_array_equal(joint[1, frame], weight * spatial[1, frame])


def test_a_map_of_zeros_has_no_own_weights() -> None:
    assert not has_own_temporal(np.zeros((1, 3, 2, 2)), np.zeros((1, 3))).any()


@given(st.lists(st.integers(-3, 3), min_size=1, max_size=20), st.integers(0, 100))
def test_ranks_are_a_permutation_that_never_rises(values: list[int], seed: int) -> None:
    order = ranked(np.array(values), np.random.default_rng(seed))
    assert sorted(order.tolist()) == list(range(len(values)))
    assert all(np.diff(np.array(values)[order]) <= 0)


def test_ties_come_in_any_order_and_repeat_with_the_seed() -> None:
    flat = np.zeros((200, 4))
    first = ranked(flat, np.random.default_rng(3))
    np.testing.assert_array_equal(first, ranked(flat, np.random.default_rng(3)))
    counts = np.bincount(first[:, 0], minlength=4)
    assert counts.min() > 30  # of 200, 50 expected each; 30 lies three deviations below
