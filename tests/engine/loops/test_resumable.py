from __future__ import annotations

from typing import Any

import pytest

from mmaction.engine.loops.resumable import position_in_epoch


def meta(done: int, *, batches: int, samples: int) -> dict[str, Any]:
    return {
        "epoch": 2,
        "iter": 2 * batches + done,
        "batches_done": done,
        "epoch_batches": batches,
        "samples_a_batch": samples,
    }


@pytest.mark.parametrize(
    ("given", "batches", "samples", "expected"),
    [
        (meta(3, batches=10, samples=8), 10, 8, (3, True)),
        (meta(0, batches=10, samples=8), 10, 8, (0, True)),
        # Half as many processes: 24 samples are 6 batches of 4.
        (meta(3, batches=10, samples=8), 20, 4, (6, False)),
        # Twice as many: 24 samples are one and a half batches of 16.
        (meta(3, batches=10, samples=8), 5, 16, (1, False)),
        # At an epoch's end it makes no difference to the position.
        (meta(0, batches=10, samples=8), 5, 16, (0, True)),
        # mmengine's own say it by the steps.
        ({"epoch": 2, "iter": 23}, 10, 8, (3, True)),
        ({"epoch": 2, "iter": 20}, 10, 8, (0, True)),
        ({"epoch": 2, "iter": 40}, 10, 8, (0, False)),
    ],
)
def test_position_in_the_epoch(
    given: dict[str, Any], batches: int, samples: int, expected: tuple[int, bool]
) -> None:
    assert position_in_epoch(given, batches=batches, samples_a_batch=samples) == expected
