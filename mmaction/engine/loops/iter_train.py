"""Training that is told in steps."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mmengine.dist import all_reduce_params, get_world_size
from mmengine.runner import IterBasedTrainLoop

from mmaction.engine.loops.resumable import ResumableLoop
from mmaction.engine.nonfinite import BufferCopy
from mmaction.registry import LOOPS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


@LOOPS.register_module()
class ResumableIterTrainLoop(ResumableLoop, IterBasedTrainLoop):
    """mmengine's loop, exact across a stop and a resume; it takes its place in this project.

    It goes over the data epoch after epoch, so that its place there is an epoch and a batch. Hooks
    are told of each epoch, where mmengine's loop calls the whole training one.
    """

    counts_steps = True

    def __init__(self, runner: ActionRunner, dataloader: Any, **kwargs: Any) -> None:
        super().__init__(runner, dataloader, **kwargs)
        del self.dataloader_iterator  # mmengine's endless one
        self._max_epochs = -(-self._max_iters // len(self.dataloader))

    def continue_from(self, meta: Mapping[str, Any], own: Mapping[str, Any] | None) -> None:
        """As the base's; mmengine's own checkpoints tell their place in steps alone."""
        if "batches_done" not in meta:
            self._epoch = meta["iter"] // len(self.dataloader)
            meta = {**meta, "epoch": self._epoch}
        super().continue_from(meta, own)

    def _at_end(self) -> bool:
        return self._iter >= self._max_iters

    def _is_validation_due(self) -> bool:
        self._decide_current_val_interval()
        if self._iter < self.val_begin:
            return False
        return self._iter % self.val_interval == 0 or self._iter == self._max_iters

    def _validate(self) -> None:
        """One network in all processes: their running statistics differ within an epoch."""
        buffers = None
        if get_world_size() > 1:
            buffers = BufferCopy(self.runner.model)
            all_reduce_params(self.runner.model.buffers(), op="mean")
        super()._validate()
        if buffers is not None:
            buffers.restore()
        self.runner.model.train()
