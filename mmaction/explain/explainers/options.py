"""Checks of explainers' options: each gives the value back, or says in one line what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from mmaction.errors import ConfigError

Value = TypeVar("Value")
_SEEDS = 2**31


def check(explainer: str, name: str, value: Value, *, fits: bool, expected: str) -> Value:
    """Any option.

    Args:
        explainer: Whose option it is, as it is registered.
        name: Of the option.
        value: What was given.
        fits: Whether it may be that.
        expected: What it may be, for the message.

    Raises:
        ConfigError: It does not fit; so for all checks here.
    """
    if not fits:
        raise ConfigError(f"explainer {explainer}: {name}={value!r}, expected {expected}")
    return value


def check_count(explainer: str, name: str, value: int) -> int:
    """A whole number, 1 or more.

    Args:
        explainer, name, value: As of ``check``.
    """
    fits = _is_whole(value) and value >= 1
    return check(explainer, name, value, fits=fits, expected="a whole number, 1 or more")


def check_seed(explainer: str, value: int) -> int:
    """A whole number that starts a generator."""
    fits = _is_whole(value) and 0 <= value < _SEEDS
    expected = f"a whole number, 0 to {_SEEDS - 1}"
    return check(explainer, "seed", value, fits=fits, expected=expected)


def check_sizes(explainer: str, name: str, values: Sequence[int], axes: str) -> tuple[int, ...]:
    """As many whole numbers, 1 or more, as ``axes`` has letters.

    Args:
        explainer, name, values: As of ``check``.
        axes: A letter for each, such as ``'hw'``.
    """
    listed = isinstance(values, Sequence) and not isinstance(values, str)
    fits = listed and len(values) == len(axes) and all(_is_whole(v) and v > 0 for v in values)
    expected = f"{len(axes)} whole numbers, 1 or more: ({', '.join(axes)})"
    return tuple(check(explainer, name, values, fits=fits, expected=expected))


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
