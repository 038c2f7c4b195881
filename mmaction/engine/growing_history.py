"""A log value's history that is cheap to append to."""

from __future__ import annotations

import numpy as np
from mmengine.logging import HistoryBuffer
from numpy.typing import ArrayLike, NDArray

FIRST_ROOM = 64


class GrowingHistory(HistoryBuffer):
    """mmengine's ``HistoryBuffer``, appended to in constant time.

    Its own copies the whole history for each value: milliseconds a step, late in a long training.
    Values are float64, counts int64.
    """

    # The base class keeps and reads its arrays under these two names.
    @property
    def _log_history(self) -> NDArray:
        return self._logs[: self._filled][-self.max_length :]

    @_log_history.setter
    def _log_history(self, values: ArrayLike) -> None:
        self._logs = np.array(values, dtype=np.float64)
        self._filled = len(self._logs)

    @property
    def _count_history(self) -> NDArray:
        return self._counts[: self._filled][-self.max_length :]

    @_count_history.setter
    def _count_history(self, values: ArrayLike) -> None:
        self._counts = np.array(values, dtype=np.int64)

    def update(self, log_val: int | float, count: int = 1) -> None:
        """Appends a value; the newest ``max_length`` stay.

        Raises:
            TypeError: No number, or no whole number as count.
        """
        if not isinstance(log_val, int | float) or not isinstance(count, int):
            raise TypeError(f"value {log_val!r}, count {count!r}: expected a number and an int")
        if self._filled == len(self._logs):
            logs, counts = self.data
            room = max(FIRST_ROOM, len(logs))
            self._logs = np.concatenate([logs, np.empty(room, logs.dtype)])
            self._counts = np.concatenate([counts, np.empty(room, counts.dtype)])
            self._filled = len(logs)
        self._logs[self._filled], self._counts[self._filled] = log_val, count
        self._filled += 1
