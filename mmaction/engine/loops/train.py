"""Training that is told in epochs."""

from __future__ import annotations

from mmengine.runner import EpochBasedTrainLoop

from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.registry import LOOPS


@LOOPS.register_module()
class ResumableTrainLoop(ResumableLoop, EpochBasedTrainLoop):
    """mmengine's loop, exact across a stop and a resume; it takes its place in this project."""

    counts_steps = False

    def _at_end(self) -> bool:
        return self._epoch >= self._max_epochs

    def _is_validation_due(self) -> bool:
        self._decide_current_val_interval()
        if self._epoch < self.val_begin:
            return False
        return self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs
