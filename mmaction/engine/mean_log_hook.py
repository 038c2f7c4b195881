"""What the log says of a step is the mean over processes, not the first one's share."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from mmengine.dist import all_reduce, get_world_size
from mmengine.hooks import Hook

from mmaction.registry import HOOKS


@HOOKS.register_module()
class MeanLogHook(Hook):
    """Averages losses and accuracies of a training step over the processes, in one exchange.

    All processes have equally many samples in a step: this is the mean over the step's samples.
    """

    priority = "HIGHEST"  # before the hook that takes the numbers to the log

    def after_train_iter(
        self,
        runner: Any,
        batch_idx: int,
        data_batch: Any = None,
        outputs: Mapping[str, Any] | None = None,
    ) -> None:
        """Replaces the values in ``outputs``, scalars of the same names in all processes."""
        if get_world_size() == 1 or not isinstance(outputs, dict) or not outputs:
            return
        values = [torch.as_tensor(v).detach().float().reshape(()) for v in outputs.values()]
        shared = torch.stack([v.to(values[0].device) for v in values])
        all_reduce(shared, op="mean")
        outputs.update(zip(outputs, shared.unbind(), strict=True))
