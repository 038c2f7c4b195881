"""Explainers from what a command line says."""

from __future__ import annotations

import ast
import inspect
from typing import Any

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers.base import Explainer
from mmaction.registry import EXPLAINERS


def build_explainer(spec: str) -> Explainer:
    """Builds an explainer.

    Args:
        spec: Its name, and its options where some are set, as in
            ``grad_cam:per_frame=True,layer=perception_branch.stage``. Values are Python's literals;
            bare words are strings.

    Raises:
        ConfigError: No such explainer or option, or a value that can't be; suggests near ones.
        UserError: The explainer needs a package that is not installed.
    """
    name, _, rest = spec.partition(":")
    name = name.strip()
    cls = EXPLAINERS.module_dict.get(name)
    if cls is None:
        raise ConfigError(
            f"explainer {name!r} is not known here{near(name, EXPLAINERS.module_dict)}"
        )
    try:
        options = _parse(rest)
    except (SyntaxError, ValueError) as error:
        raise ConfigError(
            f"explainer {spec!r}: expected name:option=value,option=value, each option once, of "
            "words and of literals of Python's, such as 2, 0.5, True or (4,16,16)"
        ) from error
    known = inspect.signature(cls).parameters
    for option in options:
        if option not in known:
            there = near(option, known) if known else "; it takes none"
            raise ConfigError(f"explainer {name} has no option {option!r}{there}")
    return cls(**options)


def _parse(text: str) -> dict[str, Any]:
    """Options as the keywords of a call."""
    call = ast.parse(f"_({text})", mode="eval").body
    if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name) or call.args:
        raise ValueError(text)
    options = {str(keyword.arg): _value(keyword.value) for keyword in call.keywords}
    if len(options) < len(call.keywords):
        raise ValueError(text)
    return options


def _value(node: ast.expr) -> Any:
    """A literal; a bare word, which may have dots in it, is a string."""
    if isinstance(node, ast.Name | ast.Attribute):
        return ast.unparse(node)
    return ast.literal_eval(node)
