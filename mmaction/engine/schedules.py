"""Schedules of learning rates and the like, as long as the run that they belong to."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from typing import Any

from mmaction.checkpoint.training_state import optim_wrappers
from mmaction.errors import ConfigError

# What mmengine calls schedules that are drawn over a number of steps, and that number's key.
TOTALS = {"OneCycle": "total_steps", "CosineAnnealing": "T_max", "Poly": "end", "Linear": "end"}
WARM_UP = "Linear"  # may end before the run does


def follow_run(schedules: Any, *, epochs: int | None, steps: int | None) -> None:
    """Ends schedules with the run where they don't say when they end.

    Args:
        schedules: The config's ``param_scheduler``; changed in place.
        epochs: Of the run; None: not known yet.
        steps: Of the run; None: not known yet.

    Raises:
        ConfigError: A schedule ends at another time than the run, and none goes on from there.
    """
    found = list(_schedules(schedules))
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


def _schedules(schedules: Any, where: str = "param_scheduler") -> Iterator[tuple[str, Any]]:
    """The configs of single schedules, with the keys that lead to them."""
    if isinstance(schedules, list | tuple):
        for number, each in enumerate(schedules):
            yield from _schedules(each, f"{where}[{number}]")
    elif isinstance(schedules, dict) and "type" in schedules:
        yield where, schedules
    elif isinstance(schedules, dict):  # one for each part of the network, by its name
        for name, each in schedules.items():
            yield from _schedules(each, f"{where}.{name}")


class Start:
    """Settings of a run's optimizers as its config has them, and its schedules at their beginning.

    Args:
        optim_wrapper: mmengine's, of one optimizer or of several.
        schedules: mmengine's, built for them.
    """

    def __init__(self, optim_wrapper: Any, schedules: Any) -> None:
        self._groups = [
            [{k: v for k, v in group.items() if k != "params"} for group in wrapper.param_groups]
            for wrapper in optim_wrappers(optim_wrapper)
        ]
        self._schedules = [copy.deepcopy(each.state_dict()) for each in _built(schedules)]

    def go_on(self, optim_wrapper: Any, schedules: Any, *, steps: int, epoch_steps: int) -> None:
        """Puts the settings, and the schedules after so many steps, in the place of what is there.

        Args:
            optim_wrapper: What the start was taken of.
            schedules: What the start was taken of.
            steps: Since the run's beginning.
            epoch_steps: Of an epoch.
        """
        for wrapper, kept in zip(optim_wrappers(optim_wrapper), self._groups, strict=True):
            for group, settings in zip(wrapper.param_groups, kept, strict=True):
                group.update(copy.deepcopy(settings))
        built = _built(schedules)
        for schedule, state in zip(built, self._schedules, strict=True):
            schedule.load_state_dict(copy.deepcopy(state))
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "Detected call of")  # no optimizer steps between
            for step in range(1, steps + 1):
                for schedule in built:
                    if not schedule.by_epoch or step % epoch_steps == 0:
                        schedule.step()


def _built(schedules: Any) -> list[Any]:
    if isinstance(schedules, dict):
        return [each for some in schedules.values() for each in _built(some)]
    return list(schedules or ())
