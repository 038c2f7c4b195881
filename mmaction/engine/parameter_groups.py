"""Parameters in groups of equal learning rate and weight decay."""

from __future__ import annotations

import logging
from typing import Any

from mmengine.logging import MMLogger, print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmaction.engine.optimizers import single_schedules
from mmaction.errors import ConfigError, near
from mmaction.models.backbones.layer_order import parameter_layers
from mmaction.registry import OPTIM_WRAPPER_CONSTRUCTORS

OWN_OPTIONS = ("layer_decay", "no_weight_decay")
MMENGINES_OPTIONS = (
    "custom_keys",
    "bias_lr_mult",
    "bias_decay_mult",
    "norm_decay_mult",
    "flat_decay_mult",
    "dwconv_decay_mult",
    "dcn_offset_lr_mult",
    "bypass_duplicate",
)


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class ParameterGroupConstructor(DefaultOptimWrapperConstructor):
    """mmengine's; it takes its place: a group for each setting instead of one for each parameter.

    What is frozen is in no group. Each group says by what it multiplies the rate, ``lr_mult``.
    ``paramwise_cfg`` is mmengine's and may also have

    - ``layer_decay``, d in (0, 1]: layer l of the backbone's L, counted from 0 at the input, learns
      at lr · d^(L − l), what follows the backbone at lr (BEiT, arXiv:2106.08254);
    - ``no_weight_decay=True``: none for biases, norms and whatever else has one dimension, nor for
      what the backbone names in ``no_weight_decay()``, in all parts of the network.

    Both go on top of the others, ``custom_keys`` among them.

    Args:
        optim_wrapper_cfg: mmengine's.
        paramwise_cfg: See above.

    Raises:
        ConfigError: An unknown option or a value out of range; when it is called, a backbone that
            does not declare its layers.
    """

    def __init__(
        self, optim_wrapper_cfg: dict[str, Any], paramwise_cfg: dict[str, Any] | None = None
    ) -> None:
        options = paramwise_cfg or {}
        known = (*OWN_OPTIONS, *MMENGINES_OPTIONS)
        for key in options:
            if key not in known:
                raise ConfigError(f"optim_wrapper.paramwise_cfg.{key}: unknown{near(key, known)}")
        # Never empty: mmengine would pass all of this by.
        super().__init__(optim_wrapper_cfg, {"layer_decay": 1.0, **options})
        decay = self.paramwise_cfg["layer_decay"]
        if not isinstance(decay, int | float) or not 0 < decay <= 1:
            raise ConfigError(
                f"optim_wrapper.paramwise_cfg.layer_decay={decay!r}: expected a number in (0, 1]"
            )
        if self.base_lr is None:
            raise ConfigError("optim_wrapper.paramwise_cfg needs optim_wrapper.optimizer.lr")

    def add_params(
        self,
        params: list[dict[str, Any]],
        module: nn.Module,
        prefix: str = "",
        is_dcn_module: int | float | None = None,
    ) -> None:
        """As mmengine's, which calls it for each module; at the whole network, makes the groups."""
        if prefix:
            super().add_params(params, module, prefix, is_dcn_module)
            return
        single: list[dict[str, Any]] = []
        logger = MMLogger.get_current_instance()
        level = logger.level
        logger.setLevel(logging.ERROR)  # mmengine has a line or more for each parameter
        try:
            super().add_params(single, module)
        finally:
            logger.setLevel(level)
        params.extend(self._grouped(single, module))
        _log(params, module, self.base_wd)

    def _grouped(self, single: list[dict[str, Any]], network: nn.Module) -> list[dict[str, Any]]:
        """Puts groups of one parameter together where their settings are equal."""
        scales, plain = self._layer_scales(network), self._named_without_decay(network)
        names = {id(parameter): name for name, parameter in network.named_parameters()}
        groups: dict[str, dict[str, Any]] = {}
        for one in single:
            [parameter] = one["params"]
            name = names.pop(id(parameter), None)
            if name is None:  # shared by two modules, and in a group already
                continue
            lr = one.pop("lr", self.base_lr) * scales.get(name, 1.0)
            settings = {k: v for k, v in one.items() if k not in ("params", "decay_mult")}
            settings |= dict(lr=lr, lr_mult=lr / self.base_lr)
            if self.paramwise_cfg.get("no_weight_decay") and (
                parameter.ndim <= 1 or name.endswith(".bias") or name in plain
            ):
                settings["weight_decay"] = 0.0
            group = groups.setdefault(repr(sorted(settings.items())), {"params": [], **settings})
            group["params"].append(parameter)
        return list(groups.values())

    def _layer_scales(self, network: nn.Module) -> dict[str, float]:
        """By what the rates of the backbone's parameters are multiplied."""
        rate = self.paramwise_cfg.get("layer_decay", 1.0)
        if rate == 1:
            return {}
        layers = parameter_layers(getattr(network, "backbone", None))
        number = max(layers.values()) + 1
        return {f"backbone.{name}": rate ** (number - at) for name, at in layers.items()}

    def _named_without_decay(self, network: nn.Module) -> set[str]:
        declared = getattr(getattr(network, "backbone", None), "no_weight_decay", None)
        named: set[str] = declared() if declared is not None else set()
        return {f"backbone.{name}" for name in named}


def keep_multiples(schedules: Any, groups: list[dict[str, Any]]) -> None:
    """Has schedules multiply their rates by each group's ``lr_mult``.

    mmengine's one-cycle schedule otherwise takes all groups to the same peak.

    Args:
        schedules: The config's ``param_scheduler`` of one optimizer; changed in place.
        groups: Of that optimizer's wrapper.

    Raises:
        ConfigError: A schedule takes all groups to the same lowest rate.
    """
    multiples = [group.get("lr_mult", 1.0) for group in groups]
    if all(multiple == 1 for multiple in multiples):
        return
    for where, schedule in single_schedules(schedules):
        if schedule.get("eta_min"):
            raise ConfigError(
                f"{where}.eta_min={schedule['eta_min']}: one rate for parameter groups of several"
                " lr_mult; give eta_min_ratio in its place, where the schedule has it, or 0"
            )
        if isinstance(schedule.get("eta_max"), int | float):
            schedule["eta_max"] = [schedule["eta_max"] * multiple for multiple in multiples]


def _log(groups: list[dict[str, Any]], network: nn.Module, weight_decay: float | None) -> None:
    """A line for each group, and one for what is in none."""
    names = {id(parameter): name for name, parameter in network.named_parameters()}
    for number, group in enumerate(groups):
        values = sum(parameter.numel() for parameter in group["params"])
        first = names[id(group["params"][0])]
        more = len(group["params"]) - 1
        print_log(
            f"parameter group {number}: lr {group['lr']:.3g}, weight decay"
            f" {group.get('weight_decay', weight_decay) or 0:g}, {values:,} parameters: {first}"
            + (f" and {more} more" if more else ""),
            logger="current",
        )
    frozen = [p for p in network.parameters() if not p.requires_grad]
    if frozen:
        values = sum(parameter.numel() for parameter in frozen)
        print_log(f"in no parameter group: {values:,} frozen parameters", logger="current")
