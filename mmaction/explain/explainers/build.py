"""Explainers from what a config or a command line says."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Mapping
from typing import Any

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers.base import Explainer
from mmaction.registry import EXPLAINERS

# A comma ends a value where a further option follows; those of a tuple stay in it.
_NEXT_OPTION = re.compile(r",(?=\s*[A-Za-z_]\w*\s*=)")
_WORD = re.compile(r"[\w.]+")


def build_explainer(spec: str | Mapping[str, Any]) -> Explainer:
    """Builds an explainer.

    Args:
        spec: ``dict(type='grad_cam', per_frame=True)``, or the same as a command line writes it:
            ``grad_cam:per_frame=True,layer=perception_branch.stage``. There, values are Python's
            literals and bare words strings.

    Raises:
        ConfigError: No such explainer or option, or a value that can't be; suggests near ones.
        UserError: The explainer needs a package that is not installed.
    """
    options = _parse(spec) if isinstance(spec, str) else dict(spec)
    name = options.pop("type", None)
    if not isinstance(name, str):
        raise ConfigError(f"explainer {spec!r}: expected a type, such as dict(type='grad_cam')")
    cls = EXPLAINERS.module_dict.get(name)
    if cls is None:
        raise ConfigError(
            f"explainer {name!r} is not known here{near(name, EXPLAINERS.module_dict)}"
        )
    _check_options(name, cls, options)
    return cls(**options)


def _parse(spec: str) -> dict[str, Any]:
    name, _, rest = spec.partition(":")
    options: dict[str, Any] = {"type": name.strip()}
    for option in _NEXT_OPTION.split(rest) if rest.strip() else []:
        key, equals, value = (part.strip() for part in option.partition("="))
        if not equals or not key.isidentifier() or key == "type":
            raise ConfigError(
                f"explainer {spec!r}: {option.strip()!r} is not an option, expected "
                "name:option=value,option=value"
            )
        if key in options:
            raise ConfigError(f"explainer {spec!r}: {key} is given twice")
        options[key] = _value(spec, key, value)
    return options


def _value(spec: str, key: str, value: str) -> Any:
    try:
        return ast.literal_eval(value)
    except (ValueError, SyntaxError):
        if _WORD.fullmatch(value):
            return value
    raise ConfigError(
        f"explainer {spec!r}: {key}={value!r}, expected a word or a literal of Python's, such as "
        "2, 0.5, True or (4,16,16)"
    )


def _check_options(name: str, cls: type, options: Mapping[str, Any]) -> None:
    known = inspect.signature(cls).parameters
    for option in options:
        if option not in known:
            there = near(option, known) if known else "; it takes none"
            raise ConfigError(f"explainer {name} has no option {option!r}{there}")
