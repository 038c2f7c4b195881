from __future__ import annotations

import pytest

from mmaction.errors import ConfigError
from mmaction.registry import EXPLAINERS

COUNT = "a whole number, 1 or more"
SEED = "a whole number, 0 to 2147483647"
SHARE = "a number above 0 and below 1"
THREE = r"3 whole numbers, 1 or more: \(t, h, w\)"
TWO = r"2 whole numbers, 1 or more: \(h, w\)"


@pytest.mark.parametrize(
    ("explainer", "option", "wrong", "expected"),
    [
        ("rise", "masks", [0, -1, 1.0, True, "2", None], COUNT),
        ("rise", "batch_size", [0], COUNT),
        ("rise", "seed", [-1, 2**31, 0.5, False, "0"], SEED),
        ("rise", "grid", [(4, 7), (1, 2, 0), (1, 2, 3.0), "123", 7, (1, 2, True)], THREE),
        ("rise", "keep", [0, 0.0, 1, 1.0, 1.5, "0.5", True, float("nan")], SHARE),
        ("grad_cam", "per_frame", [1, "true"], "True or False"),
        ("grad_cam", "layer", [3, ""], "a module's name"),
        ("random", "grid", [(0, 3), 7], TWO),
        ("random", "seed", [1.5], SEED),
        ("blurred_random", "seed", ["x"], SEED),
        ("center", "grid", [(3,)], TWO),
        ("integrated_gradients", "steps", [0], COUNT),
        ("integrated_gradients", "batch_size", [0], COUNT),
        ("occlusion", "stride", [(1, 0, 1)], r"3 whole numbers, 1 or more: \(T, H, W\)"),
        ("occlusion", "batch_size", [0], COUNT),
    ],
)
def test_one_line_says_what_an_option_may_be(explainer, option, wrong, expected) -> None:
    for value in wrong:
        with pytest.raises(
            ConfigError, match=f"^explainer {explainer}: {option}=.*, expected {expected}$"
        ):
            EXPLAINERS.build({"type": explainer, option: value})


def test_the_ends_of_what_they_may_be() -> None:
    rise = EXPLAINERS.build(dict(type="rise", masks=1, seed=2**31 - 1, grid=[1, 7, 7]))
    assert (rise.masks, rise.seed, rise.grid) == (1, 2**31 - 1, (1, 7, 7))
    assert EXPLAINERS.build(dict(type="grad_cam", per_frame=True)).per_frame is True
