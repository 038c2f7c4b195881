from __future__ import annotations

import json

import pytest

from tests.engine.conftest import Trained


def test_the_share_of_time_spent_waiting_is_logged(trained: Trained) -> None:
    runner, work_dir = trained(**{"train_cfg.max_epochs": 2})
    [scalars] = work_dir.glob("*/vis_data/scalars.json")
    steps = [json.loads(line) for line in scalars.read_text().splitlines()]
    shares = [step["data_share"] for step in steps if "data_share" in step]
    assert len(shares) == 4
    waited, whole = (
        runner.message_hub.get_scalar(f"train/{key}").data[0] for key in ("data_time", "time")
    )
    for step, share in enumerate(shares, start=1):
        expected = waited[:step].sum() / whole[:step].sum()
        assert 0 < share < 1
        assert share == pytest.approx(expected, abs=1e-4), "logs keep four digits"
