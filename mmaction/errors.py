"""Errors a user can cause. Commands print their message as one line and exit with code 2."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

MOST_LISTED = 40


class UserError(ValueError):
    """Something a user can put right: the message names the thing and says what would be right."""


class ConfigError(UserError):
    """A config file, key or value that can't work."""


class DataError(UserError):
    """An annotation line, a directory or a frame that can't be used."""


class TransientError(DataError):
    """A file that can't be read now, for what is no fault of its own and may pass."""


class CheckpointError(UserError):
    """A checkpoint that is missing, unreadable or made for another architecture."""


def first_line(error: BaseException) -> str:
    """What an error says, without the paragraphs that may follow; its type if it says nothing."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def near(name: str, known: Iterable[str]) -> str:
    """What may have been meant by ``name``, to end a message with, or what there is if it's little.

    Returns:
        ``"; did you mean 'a' or 'b'?"``, ``"; there are: …"`` or nothing.
    """
    known = sorted(set(known))
    close = difflib.get_close_matches(name, known, n=3)
    if close:
        return f"; did you mean {' or '.join(map(repr, close))}?"
    return f"; there are: {', '.join(known)}" if 0 < len(known) <= MOST_LISTED else ""
