from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from mmengine.hooks import Hook

from mmaction.apis import load_config, train
from mmaction.registry import HOOKS

STEPS = 8  # two epochs of four, of which the first three are logged


@HOOKS.register_module(force=True)
class Deferred(Hook):
    """Notes how many steps' values are on the device yet, and each step's loss."""

    priority = "VERY_LOW"

    def __init__(self) -> None:
        self.at_validation: list[int] = []
        self.losses: list[float] = []

    def after_train_iter(
        self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None
    ) -> None:
        self.losses.append(outputs["loss"].item())

    def before_val_epoch(self, runner: Any) -> None:
        self.at_validation.append(len(runner.message_hub._deferred))


def test_all_is_there_where_processes_part(
    make_config: Callable[..., Path], tiny_data: Path
) -> None:
    """Whoever reads in validation does it alone: nothing may be left to be exchanged."""
    text = (
        "train_cfg['max_epochs'] = 2\n"
        "custom_hooks = [dict(type='Deferred')]\n"
        "train_dataloader['batch_size'] = 1\n"
        "default_hooks = dict(checkpoint=None, logger=dict(interval=3))\n"
        "optim_wrapper['clip_grad'] = dict(max_norm=1e-3)\n"
    )
    runner = train(load_config(make_config(tiny_data, text)))
    [hook] = [hook for hook in runner.hooks if isinstance(hook, Deferred)]
    assert hook.at_validation == [0, 0]
    assert runner.message_hub._deferred == []
    for key in ("loss", "grad_norm"):
        assert len(runner.message_hub._log_scalars[f"train/{key}"].data[0]) == STEPS
    logged = runner.message_hub.get_scalar("train/loss").data[0]
    np.testing.assert_array_equal(logged, hook.losses)
    assert runner.message_hub.get_scalar("train/grad_norm").min() > 1e-3, "as before clipping"
