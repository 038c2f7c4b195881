"""Checks of explainers' options: each gives the value back, or says in one line what is right."""

from __future__ import annotations

from collections.abc import Sequence

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


def check_share(explainer: str, name: str, value: float) -> float:
    """A number above 0 and below 1."""
    if not isinstance(value, float) or not 0 < value < 1:
        raise _wrong(explainer, name, value, "a number above 0 and below 1")
    return value


def check_flag(explainer: str, name: str, value: bool) -> bool:
    """True or False."""
    if not isinstance(value, bool):
        raise _wrong(explainer, name, value, "True or False")
    return value


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _wrong(explainer: str, name: str, value: object, expected: str) -> ConfigError:
    return ConfigError(f"explainer {explainer}: {name}={value!r}, expected {expected}")
