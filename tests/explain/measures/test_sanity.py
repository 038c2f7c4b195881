from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from mmaction.explain.measures.sanity import average_ranks, cascade, spearman, stages_from_top


def network() -> nn.Module:
    torch.manual_seed(0)
    bottom = nn.Sequential(nn.Conv3d(3, 4, 1), nn.BatchNorm3d(4), nn.ReLU(), nn.Conv3d(4, 5, 3))
    return nn.Sequential(bottom, nn.Sequential(nn.Flatten(), nn.Linear(5, 2)))


def test_stages_go_from_the_top_down() -> None:
    assert [name for name, _ in stages_from_top(network())] == ["1.1", "0.3", "0.1", "0.0"]


def test_the_recognizer_s_stages_begin_with_its_last_layer(st_abn: nn.Module) -> None:
    names = [name for name, _ in stages_from_top(st_abn)]
    assert names[:2] == ["perception_branch.fc", "perception_branch.stage"]
    assert names[-1] == "backbone.stem"
    parts = [name.partition(".")[0] for name in names]
    assert list(dict.fromkeys(parts)) == [
        "perception_branch", "attention_mechanism", "attention_branch", "backbone",
    ]  # fmt: skip


def test_the_cascade_shuffles_a_copy_stage_by_stage() -> None:
    model = network()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    gone: list[str] = []
    for stage, changed in cascade(model, seed=3):
        gone.append(stage)
        for name, value in changed.state_dict().items():
            same = torch.equal(value, before[name])
            touched = name.rpartition(".")[0] in gone and len(value.unique()) > 1
            assert same != touched, name
            torch.testing.assert_close(value.flatten().sort()[0], before[name].flatten().sort()[0])
    assert len(gone) == 4
    for name, value in model.state_dict().items():
        assert torch.equal(value, before[name])


def test_the_cascade_repeats_with_its_seed() -> None:
    def last(seed: int) -> torch.Tensor:
        *_, (_, changed) = cascade(network(), seed=seed)
        return changed[1][1].weight

    assert torch.equal(last(1), last(1))
    assert not torch.equal(last(1), last(2))


def test_spearman_by_the_formula_without_ties() -> None:
    """1 - 6 Σ d² / (n (n² - 1))."""
    rng = np.random.default_rng(0)
    a, b = rng.permutation(30), rng.permutation(30)
    expected = 1 - 6 * ((a - b) ** 2).sum() / (30 * (30**2 - 1))
    assert spearman(np.exp(a / 10), b**3) == pytest.approx(expected)


def test_spearman_with_ties_by_hand() -> None:
    """Ranks 1, 2.5, 2.5, 4 and 1, 2, 3, 4: covariance 4.5, variances 4.5 and 5."""
    assert average_ranks(np.array([1, 5, 5, 9])).tolist() == [1, 2.5, 2.5, 4]
    assert spearman(np.array([1, 5, 5, 9]), np.array([0, 1, 2, 3])) == pytest.approx(
        4.5 / np.sqrt(4.5 * 5)
    )


def test_spearman_of_maps_without_order() -> None:
    assert spearman(np.arange(3), np.ones(3)) == 0
    assert np.isnan(spearman(np.ones(3), np.arange(3)))
    assert spearman(np.arange(3), -np.arange(3)) == -1
