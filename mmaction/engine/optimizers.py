"""Optimizers: mmengine's wrappers of them, mixed precision, fused steps, and schedules."""

from __future__ import annotations

import inspect
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.optim import AmpOptimWrapper, OptimWrapper, OptimWrapperDict
from torch import Tensor, nn
from torch.nn.utils import clip_grad_norm_
from torch.optim import SGD, Adam, AdamW

from mmaction.checkpoint.sharded_tensors import is_part, own_part, whole
from mmaction.errors import ConfigError
from mmaction.registry import OPTIM_WRAPPERS, OPTIMIZERS

PRECISIONS = ("bf16", "fp16")
# What mmengine calls schedules that are drawn over a number of steps, and that number's key.
TOTALS = {"OneCycle": "total_steps", "CosineAnnealing": "T_max", "Poly": "end", "Linear": "end"}
WARM_UP = "Linear"  # may end before the run does


@OPTIM_WRAPPERS.register_module()
class TrainingOptimWrapper(OptimWrapper):
    """mmengine's; it takes its place.

    A checkpoint does not say whether the optimizer is fused: that is the machine's business.
    """

    @property
    def clips_by_norm(self) -> bool:
        """Whether gradients are clipped by the norm of all of them, which then is logged."""
        return bool(self.clip_grad_kwargs) and self.clip_func is clip_grad_norm_

    def gradient_norm(self) -> Tensor:
        """Of all gradients, before they are clipped; not finite where one of them is not.

        Returns:
            Scalar on their device. Of sharded gradients that are not clipped by it, it is the norm
            of this process's parts.
        """
        kind = float((self.clip_grad_kwargs or {}).get("norm_type", 2))
        gradients: list[Any] = [parameter.grad for parameter in self._parameters()]
        if not self.clips_by_norm:
            gradients = [own_part(gradient) for gradient in gradients]
        norms = torch.stack(list(torch._foreach_norm(gradients, kind)))
        return whole(torch.linalg.vector_norm(norms, kind))

    def _parameters(self) -> list[nn.Parameter]:
        groups = self.optimizer.param_groups
        return [p for group in groups for p in group["params"] if p.grad is not None]

    def _clip_grad(self) -> None:
        """As mmengine's, which also logs the norm: for that the host would wait."""
        self.clip_func(self._parameters(), **self.clip_grad_kwargs)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """As mmengine's, with ``fused`` as this optimizer has it."""
        own = self.optimizer.defaults
        if "fused" in own:
            groups = [{**group, "fused": own["fused"]} for group in state_dict["param_groups"]]
            state_dict = {**state_dict, "param_groups": groups}
        super().load_state_dict(state_dict)


@OPTIM_WRAPPERS.register_module()
class TrainingAmpOptimWrapper(TrainingOptimWrapper, AmpOptimWrapper):
    """mmengine's likewise: fp16, the loss scaled."""

    def gradient_norm(self) -> Tensor:
        """Of the gradients as they will be when their scale is taken out again."""
        norm = super().gradient_norm()
        return norm / self.loss_scaler.scale(torch.ones_like(norm))


@OPTIM_WRAPPERS.register_module()
class Bf16OptimWrapper(TrainingOptimWrapper):
    """Forward passes in bfloat16 where that is safe; weights, gradients and optimizer in float32.

    bfloat16 has float32's range: no loss is scaled. Unlike mmengine's ``AmpOptimWrapper`` it works
    on CPUs as well.

    Args:
        **kwargs: mmengine's: ``optimizer``, ``accumulative_counts``, ``clip_grad``.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        """Autocast, and no exchange of gradients that are yet to be added up."""
        device = torch.device(get_device()).type
        with super().optim_context(model), torch.autocast(device, dtype=torch.bfloat16):
            yield


def use_mixed_precision(cfg: Config, kind: str | None = None) -> None:
    """Sets ``cfg.optim_wrapper`` to a mixed precision; what else it says stays.

    Args:
        cfg: Changed in place.
        kind: ``'bf16'`` or ``'fp16'``; None: fp16 on a GPU, bf16 without one.

    Raises:
        ConfigError: fp16 without a GPU, or an optimizer wrapper that is neither mmengine's plain
            one nor one of these.
    """
    has_gpu = torch.cuda.is_available()
    kind = kind or ("fp16" if has_gpu else "bf16")
    if kind not in PRECISIONS:
        raise ConfigError(f"mixed precision {kind!r}: expected one of {', '.join(PRECISIONS)}")
    if kind == "fp16" and not has_gpu:
        raise ConfigError("fp16 needs a GPU, and this machine has none: --amp-dtype bf16 does not")
    wrapper: dict[str, Any] = cfg.optim_wrapper
    known = ("TrainingOptimWrapper", "TrainingAmpOptimWrapper", "Bf16OptimWrapper")
    if wrapper.get("type", known[0]) not in known:
        raise ConfigError(
            f"--amp: optim_wrapper.type={wrapper['type']!r} is none of {', '.join(known)}"
        )
    if kind == "bf16":
        wrapper["type"] = "Bf16OptimWrapper"
        for key in ("loss_scale", "dtype"):
            wrapper.pop(key, None)
    else:
        wrapper["type"] = "TrainingAmpOptimWrapper"
        wrapper.setdefault("loss_scale", "dynamic")


def fuse_on_gpu(optimizer: dict[str, Any], parameters: Iterable[nn.Parameter]) -> None:
    """Makes an optimizer ``fused`` on a GPU where its config does not say how it computes.

    One kernel instead of many, and the device can leave a step out by itself.

    Args:
        optimizer: Config, changed in place.
        parameters: What it is for.
    """
    parameters = list(parameters)
    said = any(key in optimizer for key in ("fused", "foreach", "differentiable"))
    if said or not all(parameter.is_cuda for parameter in parameters):
        return
    kind = optimizer.get("type")
    kind = OPTIMIZERS.get(kind) if isinstance(kind, str) else kind
    # torch's fused SGD takes no parameters that are spread over processes.
    spread = any(is_part(parameter) for parameter in parameters)
    fusible = (Adam, AdamW) if spread else (Adam, AdamW, SGD)
    if inspect.isclass(kind) and issubclass(kind, fusible):
        optimizer["fused"] = True


def follow_run(schedules: Any, *, epochs: int | None, steps: int | None) -> None:
    """Ends schedules with the run where they don't say when they end.

    Args:
        schedules: The config's ``param_scheduler``; changed in place.
        epochs: Of the run; None: not known yet.
        steps: Of the run; None: not known yet.

    Raises:
        ConfigError: A schedule ends at another time than the run, and none goes on from there.
    """
    found = list(single_schedules(schedules))
    begins = {(s.get("by_epoch", True), s.get("begin", 0)) for _, s in found}
    for where, schedule in found:
        name = str(getattr(schedule["type"], "__name__", schedule["type"]))
        kind = next((kind for kind in TOTALS if name.startswith(kind)), None)
        by_epoch, begin = schedule.get("by_epoch", True), schedule.get("begin", 0)
        length = epochs if by_epoch else steps
        if kind is None or length is None:
            continue
        ends = {key: begin + schedule[key] for key in {TOTALS[kind]} - {"end"} if schedule.get(key)}
        if schedule.get("end") is not None:
            ends["end"] = schedule["end"]
        if not ends:
            schedule["end"] = length
        for key, end in ends.items():
            warms_up = kind == WARM_UP and end < length
            if end != length and not warms_up and (by_epoch, end) not in begins:
                unit, right = ("epoch" if by_epoch else "step"), length - (end - schedule[key])
                raise ConfigError(
                    f"{where}.{key}={schedule[key]}: the schedule ends at {unit} {end}, the run at"
                    f" {length}: leave {key} out, or set it to {right}"
                )


def single_schedules(schedules: Any, where: str = "param_scheduler") -> Iterator[tuple[str, Any]]:
    """The configs of single schedules, with the keys that lead to them."""
    if isinstance(schedules, list | tuple):
        for number, each in enumerate(schedules):
            yield from single_schedules(each, f"{where}[{number}]")
    elif isinstance(schedules, dict) and "type" in schedules:
        yield where, schedules
    elif isinstance(schedules, dict):  # one for each part of the network, by its name
        for name, each in schedules.items():
            yield from single_schedules(each, f"{where}.{name}")


def keep_settings(optim_wrapper: Any, state: dict[str, Any]) -> None:
    """Has a state load without the rates, decays and so on that it brings along.

    Args:
        optim_wrapper: mmengine's, of one optimizer or of several: its groups' settings stay.
        state: Of it, from a checkpoint; changed in place.
    """
    if isinstance(optim_wrapper, OptimWrapperDict):
        for name, wrapper in optim_wrapper.items():
            keep_settings(wrapper, state[name])
        return
    state.pop("base_param_settings", None)
    groups = zip(state["param_groups"], optim_wrapper.optimizer.param_groups, strict=False)
    for group, own in groups:  # torch refuses another number of them
        group.update({key: value for key, value in own.items() if key != "params"})


def advance(schedules: Any, *, steps: int, epoch_steps: int) -> None:
    """Brings schedules from a run's beginning to where they are after so many steps.

    Args:
        schedules: mmengine's, of one optimizer or of several by name.
        steps: Since the run's beginning.
        epoch_steps: Of an epoch.
    """
    if isinstance(schedules, dict):
        schedules = [each for some in schedules.values() for each in some]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Detected call of")  # no optimizer steps between
        for step in range(1, steps + 1):
            for schedule in schedules or ():
                if not schedule.by_epoch or step % epoch_steps == 0:
                    schedule.step()
