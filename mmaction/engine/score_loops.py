"""Validation and tests run the network as it is fastest without gradients."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import torch
from mmengine.device import get_device
from mmengine.runner import TestLoop, ValLoop
from torch import nn

from mmaction.engine.training_state import bare_model
from mmaction.errors import ConfigError, near
from mmaction.models.inference import can_be_fused, fuse_for_inference
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
            model = bare_model(runner.model)
            if self.fuse and not runner.cfg.get("compile") and can_be_fused(model):
                self._network = fuse_for_inference(model, dtype=self.dtype)
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


@LOOPS.register_module(name="ValLoop")
class RecognizerValLoop(ValLoop):
    """mmengine's loop over the validation set, by a ``ScoringNetwork``; it takes its place.

    Args:
        fuse: See ``ScoringNetwork``.
        precision: See ``ScoringNetwork``.
        fp16: mmengine's way to say ``precision='fp16'``.
        **kwargs: mmengine's.
    """

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
        self.network = ScoringNetwork(section="val_cfg", fuse=fuse, precision=precision)

    def run(self) -> dict[str, float]:
        """Scores the set."""
        metrics = super().run()
        self.network.release()
        return metrics

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Scores a batch."""
        runner = self.runner
        runner.call_hook("before_val_iter", batch_idx=idx, data_batch=data_batch)
        with self.network.autocast():
            outputs = self.network.of(runner, first=idx == 0).val_step(data_batch)  # type: ignore[operator]
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        runner.call_hook("after_val_iter", batch_idx=idx, data_batch=data_batch, outputs=outputs)


@LOOPS.register_module(name="TestLoop")
class RecognizerTestLoop(TestLoop):
    """mmengine's loop over the test set, by a ``ScoringNetwork``; it takes its place.

    Args:
        fuse: See ``ScoringNetwork``.
        precision: See ``ScoringNetwork``.
        fp16: mmengine's way to say ``precision='fp16'``.
        **kwargs: mmengine's.
    """

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
        self.network = ScoringNetwork(section="test_cfg", fuse=fuse, precision=precision)

    @torch.no_grad()
    def run_iter(self, idx: int, data_batch: dict[str, Any]) -> None:
        """Scores a batch."""
        runner = self.runner
        runner.call_hook("before_test_iter", batch_idx=idx, data_batch=data_batch)
        with self.network.autocast():
            outputs = self.network.of(runner, first=idx == 0).test_step(data_batch)  # type: ignore[operator]
        self.evaluator.process(data_samples=outputs, data_batch=data_batch)
        runner.call_hook("after_test_iter", batch_idx=idx, data_batch=data_batch, outputs=outputs)
