"""What of a run's log reaches the terminal."""

from __future__ import annotations

import logging

# Said by mmengine about its own insides, or about layers that the networks here do not have.
_NOT_NEWS = (
    '"FileClient" will be deprecated',
    '"HardDiskBackend" is the alias',
    "Distributed training is not used, all SyncBatchNorm",
)


class ConsoleFilter(logging.Filter):
    """Lets single lines pass, and warnings of any length; reports of many lines belong in a file.

    Environment, config and the list of hooks would otherwise fill several screens before the first
    step.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if message.startswith(_NOT_NEWS):
            return False
        return record.levelno >= logging.WARNING or "\n" not in message.strip()


def keep_console_readable(logger: logging.Logger) -> None:
    """Puts a ``ConsoleFilter`` on the handlers of ``logger`` that don't write to a file."""
    for handler in logger.handlers:
        to_file = isinstance(handler, logging.FileHandler)
        if not to_file and not any(isinstance(f, ConsoleFilter) for f in handler.filters):
            handler.addFilter(ConsoleFilter())
