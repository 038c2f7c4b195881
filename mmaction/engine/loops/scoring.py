"""Validation and tests run the network as it is fastest without gradients."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, ClassVar

import torch
from mmengine.device import get_device
from mmengine.evaluator import Evaluator
from mmengine.runner import BaseLoop, TestLoop, ValLoop
from torch import nn

from mmaction.checkpoint.training_state import bare_model
from mmaction.engine.sharding import FullyShardedModel
from mmaction.errors import ConfigError, near
from mmaction.models.inference import fuse_for_inference
from mmaction.registry import LOOPS

PRECISIONS: Mapping[str, torch.dtype | None] = {
    "fp32": None,
    "bf16": torch.bfloat16,
    "fp16": torch.float16,
}


class ScoringNetwork:
    """A run's network for scores alone, made anew for each epoch of them.

    Its batch norms are part of its convolutions (``models.inference``): the same scores up to
    rounding. A network that is compiled, or spread over processes, is used as it is.

    Args:
        section: Of the config that the arguments come from, for messages.
        fuse: False uses the network as it is.
        precision: ``'fp32'``, ``'bf16'`` or, on GPUs, ``'fp16'``: what convolutions and matrix
            products compute in.

    Raises:
        ConfigError: Another precision, or fp16 without a GPU.
    """

    def __init__(self, *, section: str, fuse: bool, precision: str) -> None:
        if precision not in PRECISIONS:
            raise ConfigError(
                f"{section}.precision={precision!r}: expected one of {', '.join(PRECISIONS)}"
                f"{near(str(precision), PRECISIONS)}"
            )
        if precision == "fp16" and not torch.cuda.is_available():
            raise ConfigError(
                f"{section}.precision='fp16' needs a GPU, and this machine has none;"
                " 'bf16' does not"
            )
        self.fuse = fuse
        self.dtype = PRECISIONS[precision]
        self._network: nn.Module | None = None

    def of(self, runner: Any, *, first: bool) -> nn.Module:
        """The network; ``first`` at the first batch, when hooks have put the weights in place."""
        if first or self._network is None:
            sharded = isinstance(runner.model, FullyShardedModel)
            if self.fuse and not sharded and not runner.cfg.get("compile"):
                self._network = fuse_for_inference(bare_model(runner.model), dtype=self.dtype)
            else:
                self._network = runner.model
        return self._network

    def release(self) -> None:
        """Lets the network go: weights change before the next epoch of scores."""
        self._network = None

    def autocast(self) -> AbstractContextManager:
        """Under which the network runs."""
        if self.dtype is None:
            return nullcontext()
        return torch.autocast(torch.device(get_device()).type, self.dtype)


class ScoringLoop(BaseLoop):
    """Goes before one of mmengine's loops of scores in a class's bases: by a ``ScoringNetwork``.

    Args:
        fuse: See ``ScoringNetwork``.
        precision: See ``ScoringNetwork``.
        fp16: mmengine's way to say ``precision='fp16'``.
        **kwargs: mmengine's.
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
        self.network = ScoringNetwork(section=f"{self.split}_cfg", fuse=fuse, precision=precision)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Scores a batch."""
        seen: dict[str, Any] = dict(batch_idx=idx, data_batch=data_batch)
        self.runner.call_hook(f"before_{self.split}_iter", **seen)
        network = self.network.of(self.runner, first=idx == 0)
        with self.network.autocast():
            outputs = getattr(network, f"{self.split}_step")(data_batch)
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        self.runner.call_hook(f"after_{self.split}_iter", **seen, outputs=outputs)


@LOOPS.register_module()
class RecognizerValLoop(ScoringLoop, ValLoop):
    """mmengine's loop over the validation set; it takes its place."""

    split = "val"

    def run(self) -> dict[str, float]:
        """Scores the set."""
        metrics = super().run()
        self.network.release()
        return metrics


@LOOPS.register_module()
class RecognizerTestLoop(ScoringLoop, TestLoop):
    """mmengine's loop over the test set; it takes its place."""

    split = "test"
