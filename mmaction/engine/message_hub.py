"""Where a run's log values are: on the device, until somebody reads them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_gather
from mmengine.logging import HistoryBuffer, MessageHub
from torch import Tensor

from mmaction.engine.growing_history import GrowingHistory

MOST_DEFERRED = 1000  # steps


class DeferringMessageHub(MessageHub):
    """mmengine's ``MessageHub`` that does not wait for the device in each step.

    What ``defer`` is given stays on the device. It comes to the host, and is averaged over the
    processes, in one exchange when it is read: by the logger at its interval, by a checkpoint.
    With several processes, all have to read at the same points of the training.
    """

    def __init__(self, name: str, **kwargs: Any) -> None:
        super().__init__(name, **kwargs)
        self._deferred: list[tuple[list[str], Tensor]] = []
        self._deferred_keys: set[str] = set()

    def defer(self, values: Sequence[tuple[str, Tensor | float]]) -> None:
        """Takes a step's log values; all processes call it with the same keys.

        Args:
            values: Keys and scalars of this process, which are averaged over the processes: they
                have equally many samples in a step.
        """
        if not values:
            return
        on_device = [value for _, value in values if isinstance(value, Tensor)]
        like = on_device[0].detach().float() if on_device else torch.zeros(())
        with torch.no_grad():
            scalars = [torch.as_tensor(value).to(like).reshape(()) for _, value in values]
            row = torch.stack(scalars)
        self._deferred.append(([key for key, _ in values], row))
        self._deferred_keys.update(self._deferred[-1][0])
        # A new key takes its place among the others, which is its place in the log.
        new = any(key not in self._log_scalars for key, _ in values)
        if new or len(self._deferred) >= MOST_DEFERRED:
            self.settle()

    def settle(self) -> None:
        """Brings what was deferred to the histories, in order; all processes call it."""
        if not self._deferred:
            return
        taken, self._deferred, self._deferred_keys = self._deferred, [], set()
        of_all = all_gather(torch.cat([row for _, row in taken]))
        # In float64, so that the mean does not depend on how many steps are exchanged at once.
        numbers = iter(torch.stack(of_all).cpu().double().mean(dim=0).tolist())
        for keys, _ in taken:
            for key in keys:
                self.update_scalar(key, next(numbers))

    def update_scalar(self, key: str, value: Any, count: int = 1, resumed: bool = True) -> None:
        """As mmengine's, its histories cheap to append to."""
        if key not in self._log_scalars:
            self._log_scalars[key] = GrowingHistory()
        super().update_scalar(key, value, count, resumed)

    @property
    def log_scalars(self) -> dict[str, HistoryBuffer]:
        """All histories, with what was deferred."""
        self.settle()
        return self._log_scalars

    def get_scalar(self, key: str) -> HistoryBuffer:
        """One history, with what was deferred of it.

        Raises:
            KeyError: There is none.
        """
        if key in self._deferred_keys:
            self.settle()
        if key in self._log_scalars:
            return self._log_scalars[key]
        return super().get_scalar(key)

    def state_dict(self) -> dict[str, Any]:
        """As mmengine's, with what was deferred."""
        self.settle()
        return super().state_dict()

    def load_state_dict(self, state_dict: Any) -> None:
        """As mmengine's; what was deferred before is of another training."""
        self._deferred, self._deferred_keys = [], set()
        super().load_state_dict(state_dict)
        for key, buffer in self._log_scalars.items():
            self._log_scalars[key] = GrowingHistory(*buffer.data, buffer.max_length)


def hub_of_run(name: str) -> DeferringMessageHub:
    """The hub of that name, which is also the one that mmengine's own parts find."""
    hub = MessageHub._instance_dict.get(name)
    if not isinstance(hub, DeferringMessageHub):
        hub = MessageHub._instance_dict[name] = DeferringMessageHub(name)
    return hub
