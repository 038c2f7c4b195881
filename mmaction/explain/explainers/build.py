"""Explainers from what a config or a command line says."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from typing import Any

from mmaction.errors import ConfigError, near
from mmaction.explain.explainers.base import Explainer
from mmaction.registry import EXPLAINERS


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
    try:
        call = ast.parse(f"_({rest})", mode="eval").body
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            raise SyntaxError("brackets don't match")
        if call.args:
            raise SyntaxError(f"{ast.unparse(call.args[0])!r} is not an option")
        options = {keyword.arg or "**": _value(keyword.value) for keyword in call.keywords}
        if len(options) < len(call.keywords):
            raise SyntaxError("an option is given twice")
        if "type" in options:
            raise SyntaxError("'type' is not an option")
    except (SyntaxError, ValueError) as error:
        reason = error.msg if isinstance(error, SyntaxError) else error
        raise ConfigError(
            f"explainer {spec!r}: {reason}; expected name:option=value,option=value, of words and "
            "of literals of Python's, such as 2, 0.5, True or (4,16,16)"
        ) from error
    return {**options, "type": name.strip()}


def _value(node: ast.expr) -> Any:
    """A literal; a bare word, which may have dots in it, is a string."""
    if isinstance(node, ast.Name | ast.Attribute):
        return ast.unparse(node)
    return ast.literal_eval(node)


def _check_options(name: str, cls: type, options: Mapping[str, Any]) -> None:
    known = inspect.signature(cls).parameters
    for option in options:
        if option not in known:
            there = near(option, known) if known else "; it takes none"
            raise ConfigError(f"explainer {name} has no option {option!r}{there}")
