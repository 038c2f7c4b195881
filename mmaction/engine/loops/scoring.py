"""Validation and tests run the network as it is fastest without gradients."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from mmengine.device import get_device
from mmengine.dist import all_gather_object
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop, TestLoop, ValLoop
from torch import nn

from mmaction.engine.sharding import FullyShardedModel
from mmaction.errors import ConfigError, near
from mmaction.models.inference import fuse_for_inference
from mmaction.registry import LOOPS

PRECISIONS: Mapping[str, torch.dtype | None] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class ScoringLoop(BaseLoop):
    """Goes before one of mmengine's loops of scores in a class's bases.

    The network's batch norms are part of its convolutions there (``models.inference``): the same
    scores up to rounding. One that is compiled, or spread over processes, is used as it is.

    Args:
        fuse: False uses the network as it is.
        precision: ``'fp32'``, ``'bf16'`` or, on GPUs, ``'fp16'``: what convolutions and matrix
            products compute in.
        fp16: mmengine's name for ``precision='fp16'``.
        **kwargs: mmengine's.

    Raises:
        ConfigError: Another precision, or fp16 without a GPU.
    """

    split: ClassVar[str]  # as hooks and the config call it
    evaluator: Evaluator  # mmengine's loops have it

    def __init__(
        self,
        *args: Any,
        fuse: bool = True,
        precision: str = "fp32",
        fp16: bool = False,
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **kwargs)
        precision = "fp16" if fp16 else precision
        if precision not in PRECISIONS:
            raise ConfigError(
                f"{self.split}_cfg.precision={precision!r}: expected one of"
                f" {', '.join(PRECISIONS)}{near(str(precision), PRECISIONS)}"
            )
        if precision == "fp16" and not torch.cuda.is_available():
            raise ConfigError(
                f"{self.split}_cfg.precision='fp16' needs a GPU, and this machine has none;"
                " 'bf16' does not"
            )
        self.fuse = fuse
        self.dtype = PRECISIONS[precision]
        self.network: nn.Module | None = None
        self.unsteady, self.stabilized = 0, 0  # frames that Stabilize had to leave, and all it saw

    def run(self) -> dict[str, float]:
        """Scores the set, by a network made anew: hooks have put the weights in place then."""
        self.unsteady, self.stabilized = 0, 0
        try:
            metrics = super().run()
        finally:
            self.network = None
        of_processes = all_gather_object((self.unsteady, self.stabilized))
        left, frames = (sum(counts) for counts in zip(*of_processes, strict=True))
        if left:
            self.runner.logger.info(
                f"Stabilize: {left} of {frames} frames stay as they are, their motion is not known"
            )
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Scores a batch."""
        seen: dict[str, Any] = dict(batch_idx=idx, data_batch=data_batch)
        self.runner.call_hook(f"before_{self.split}_iter", **seen)
        if self.network is None:
            self.network = self._network()
        with self._autocast():
            outputs = getattr(self.network, f"{self.split}_step")(data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        for sample in data_batch["samples"]:
            self.unsteady += sample.unsteady
            self.stabilized += 0 if sample.motions is None else sample.frame_indices.size
        self.runner.call_hook(f"after_{self.split}_iter", **seen, outputs=outputs)

    def _network(self) -> nn.Module:
        model = self.runner.model
        as_it_is = isinstance(model, FullyShardedModel) or self.runner.cfg.get("compile")
        if not self.fuse or as_it_is:
            return model
        return fuse_for_inference(self.runner.network, dtype=self.dtype)

    def _autocast(self) -> AbstractContextManager:
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(torch.device(get_device()).type, self.dtype)


@LOOPS.register_module()
class RecognizerValLoop(ScoringLoop, ValLoop):
    """mmengine's loop over the validation set; it takes its place."""

    split = "val"


@LOOPS.register_module()
class RecognizerTestLoop(ScoringLoop, TestLoop):
    """mmengine's loop over the test set; it takes its place."""

    split = "test"
