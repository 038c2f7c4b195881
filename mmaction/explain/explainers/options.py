"""Checks of explainers' options: each gives the value back, or says in one line what is right."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from mmaction.errors import ConfigError

_SEEDS = 2**31


def check_count(explainer: str, name: str, value: int) -> int:
    """A whole number, 1 or more.

    Raises:
        ConfigError: It is none; so for all checks here.
    """
    if not _is_whole(value) or value < 1:
        raise _wrong(explainer, name, value, "a whole number, 1 or more")
    return value


def check_seed(explainer: str, value: int) -> int:
    """A whole number that starts a generator."""
    if not _is_whole(value) or not 0 <= value < _SEEDS:
        raise _wrong(explainer, "seed", value, f"a whole number, 0 to {_SEEDS - 1}")
    return value


def check_sizes(explainer: str, name: str, values: Sequence[int], axes: str) -> tuple[int, ...]:
    """As many whole numbers, 1 or more, as ``axes`` has letters."""
    listed = isinstance(values, Sequence) and not isinstance(values, str)
    if not listed or len(values) != len(axes) or not all(_is_whole(v) and v > 0 for v in values):
        expected = f"{len(axes)} whole numbers, 1 or more: ({', '.join(axes)})"
        raise _wrong(explainer, name, values, expected)
    return tuple(values)


def check_number(
    explainer: str, name: str, value: float, *, above: float, below: float = float("inf")
) -> float:
    """A number between two bounds, neither of which it may be."""
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not above < value < below:
        bounds = f"above {above:g}" + ("" if below == float("inf") else f" and below {below:g}")
        raise _wrong(explainer, name, value, f"a number {bounds}")
    return float(value)


def check_choice(explainer: str, name: str, value: Any, choices: Sequence[Any]) -> Any:
    """One of some values, of their type."""
    if value not in choices or type(value) is not type(choices[0]):
        raise _wrong(explainer, name, value, f"one of {', '.join(map(str, choices))}")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(explainer: str, name: str, value: object, expected: str) -> ConfigError:
    return ConfigError(f"explainer {explainer}: {name}={value!r}, expected {expected}")
