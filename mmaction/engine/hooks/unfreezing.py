"""Layers that begin to learn at later epochs than the rest."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from mmengine.hooks import Hook
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from mmaction.engine.sharding import FullyShardedModel
from mmaction.errors import ConfigError, near
from mmaction.registry import HOOKS

if TYPE_CHECKING:
    from mmaction.engine.runner import ActionRunner


@HOOKS.register_module()
class GradualUnfreezing(Hook):
    """Keeps layers frozen until their epoch has come (ULMFiT, arXiv:1801.06146).

    Until then they have no gradients, and norms and dropout in them are in eval mode; the backward
    pass ends where nothing before it learns. The optimizer holds them from the start, without any
    state of theirs, and schedules go on for all: an opened layer learns at the rate of its epoch.
    What is frozen for good (``model.backbone.frozen``) stays so. Which layers are open follows from
    the epoch alone, so that a resumed run has the same.

    Several processes need ``find_unused_parameters=True`` in the config, since
    ``DistributedDataParallel`` otherwise waits for the gradients of all that it was given.

    Args:
        schedule: From epochs, counted from 0, to modules, one name or several, such as
            ``{2: "backbone.layer3", 5: "backbone"}``: what is named opens then. A module within
            another opens at its own epoch where it is named itself. What isn't named is open.

    Raises:
        ConfigError: An epoch that is no whole number of 0 or more; before the training, a name that
            the model has no module of, or processes that don't look for unused parameters.
    """

    def __init__(self, *, schedule: Mapping[int, str | Sequence[str]]) -> None:
        self._opens: dict[str, int] = {}
        for epoch, named in schedule.items():
            if not isinstance(epoch, int) or epoch < 0:
                raise ConfigError(
                    f"GradualUnfreezing schedule: epoch {epoch!r}: expected a whole number, 0 or"
                    " more"
                )
            for name in [named] if isinstance(named, str) else named:
                self._opens[name] = epoch
        self._parameters: list[tuple[nn.Parameter, int]] = []
        self._modules: list[tuple[nn.Module, int]] = []

    def before_train(self, runner: ActionRunner) -> None:
        """Finds out when each part opens."""
        self._require_possible(runner.model)
        modules = dict(runner.network.named_modules())
        for name in self._opens:
            if name not in modules:
                raise ConfigError(
                    f"GradualUnfreezing schedule: the model has no module {name!r}"
                    f"{near(name, modules)}"
                )
        self._parameters = [
            (parameter, self._epoch_of(name))
            for name, parameter in runner.network.named_parameters()
            if parameter.requires_grad
        ]
        self._modules = [(module, self._epoch_of(name)) for name, module in modules.items()]

    def before_train_epoch(self, runner: ActionRunner) -> None:
        """Opens what is due."""
        for parameter, opens in self._parameters:
            parameter.requires_grad_(opens <= runner.epoch)
        if runner.epoch in self._opens.values():
            names = [name for name, opens in self._opens.items() if opens == runner.epoch]
            runner.logger.info(f"epoch {runner.epoch + 1}: {', '.join(names)} learns from now on")

    def before_train_iter(
        self, runner: ActionRunner, batch_idx: int, data_batch: Any = None
    ) -> None:
        """Puts what is closed into eval mode again: each epoch and validation ends it."""
        for module, opens in self._modules:
            if opens > runner.epoch:
                module.training = False

    def _epoch_of(self, name: str) -> int:
        """When a module or parameter opens: by the longest of the names that it lies in."""
        parts = name.split(".")
        for length in range(len(parts), 0, -1):
            opens = self._opens.get(".".join(parts[:length]))
            if opens is not None:
                return opens
        return 0

    @staticmethod
    def _require_possible(model: nn.Module) -> None:
        if isinstance(model, FullyShardedModel):
            raise ConfigError("GradualUnfreezing is not for FullyShardedModel: leave it out")
        if isinstance(model, DistributedDataParallel) and not model.find_unused_parameters:
            raise ConfigError(
                "GradualUnfreezing in several processes needs find_unused_parameters=True"
            )
