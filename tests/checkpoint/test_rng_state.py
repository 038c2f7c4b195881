from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import torch

from mmaction.checkpoint.rng_state import rng_state, set_rng_state, unchanged_rng_state


def draws() -> list[float]:
    """From each source; the normal ones keep half of a pair for the next time."""
    drawn = [random.random(), random.gauss(0, 1), np.random.random(), np.random.standard_normal()]
    drawn += torch.randn(3).tolist()
    if torch.cuda.is_available():
        drawn += torch.randn(3, device="cuda").tolist()
    return drawn


def test_random_numbers_repeat_from_a_state_that_went_through_a_file(tmp_path: Path) -> None:
    draws()
    torch.save(rng_state(), tmp_path / "state.pth")
    expected = [draws() for _ in range(3)]
    draws()
    set_rng_state(torch.load(tmp_path / "state.pth", weights_only=True))
    assert [draws() for _ in range(3)] == expected


def test_a_block_leaves_the_rng_state_as_it_was() -> None:
    state = rng_state()
    expected = draws()
    set_rng_state(state)
    with unchanged_rng_state():
        draws()
    assert draws() == expected
