from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from mmengine.hooks import Hook

from mmaction.registry import HOOKS
from tests.engine.conftest import Trained

STEPS = 8  # two epochs of four


@HOOKS.register_module(force=True)
class NoteLosses(Hook):
    """Notes each step's loss."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self.losses.append(outputs["loss"].item())


@pytest.mark.parametrize(
    ("log", "kept"),
    [
        ("window_size=2", 4),
        ("window_size=5", 5),
        ("custom_cfg=[dict(data_src='loss', method_name='mean', window_size='global')]", STEPS),
    ],
)
def test_histories_are_as_long_as_what_reads_them(trained: Trained, log: str, kept: int) -> None:
    text = (
        "train_cfg['max_epochs'] = 2\n"
        "custom_hooks = [dict(type='NoteLosses')]\n"
        "train_dataloader['batch_size'] = 1\n"
        "default_hooks = dict(checkpoint=None, logger=dict(interval=3))\n"
        "optim_wrapper['clip_grad'] = dict(max_norm=1e-3)\n"
        f"log_processor = dict({log})\n"
    )
    runner, _ = trained(text)
    [hook] = [hook for hook in runner.hooks if isinstance(hook, NoteLosses)]
    for key in ("loss", "grad_norm", "time", "lr"):
        assert len(runner.message_hub.get_scalar(f"train/{key}").data[0]) == kept
    logged = runner.message_hub.get_scalar("train/loss").data[0]
    np.testing.assert_array_equal(logged, hook.losses[-kept:])
    assert runner.message_hub.get_scalar("train/grad_norm").min() > 1e-3, "as before clipping"
