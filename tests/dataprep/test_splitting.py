from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmaction.dataprep.splitting import balanced_split
from mmaction.errors import UserError


@given(
    labels=st.lists(st.integers(0, 6), max_size=120),
    val_share=st.sampled_from([0.1, 0.2, 0.5, 0.9]),
    seed=st.integers(0, 3),
)
def test_every_class_gives_its_share(labels: list[int], val_share: float, seed: int) -> None:
    train, val = balanced_split(labels, val_share=val_share, seed=seed)
    assert sorted(train + val) == list(range(len(labels)))
    assert (train, val) == (sorted(train), sorted(val))
    drawn = Counter(labels[i] for i in val)
    for label, count in Counter(labels).items():
        assert abs(drawn[label] - val_share * count) <= 1
        assert drawn[label] <= count - 1
        assert drawn[label] >= (count > 1)
    assert (train, val) == balanced_split(labels, val_share=val_share, seed=seed)


def test_seeds_differ() -> None:
    labels = [0] * 100
    draws = {tuple(balanced_split(labels, val_share=0.2, seed=seed)[1]) for seed in range(5)}
    assert len(draws) == 5


@pytest.mark.parametrize(
    ("share", "seed", "problem"), [(0.0, 0, "val_share"), (1.0, 0, "val_share"), (0.5, -1, "seed")]
)
def test_options_that_cannot_be_right(share: float, seed: int, problem: str) -> None:
    with pytest.raises(UserError, match=problem):
        balanced_split([0, 0], val_share=share, seed=seed)
