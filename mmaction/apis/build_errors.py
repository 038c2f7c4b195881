"""Turns what registries raise at a wrong name or argument into one line that suggests near ones."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from mmengine import registry as mmengine_registries
from mmengine.registry import Registry

from mmaction import registry as project_registries
from mmaction.errors import ConfigError, near

_UNKNOWN_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) got an unexpected keyword argument '(\w+)'")
_MISSING_ARGUMENT = re.compile(r"(\w+)\.__init__\(\) missing \d+ required .*argument.*?: (.*)$")
_UNKNOWN_NAME = re.compile(r"(\S+) is not in the \w+::([\w ]+) registry")


@contextmanager
def readable_build_errors() -> Iterator[None]:
    """Within it, a config's wrong registry name or argument is raised as ``ConfigError``."""
    try:
        yield
    except (TypeError, KeyError) as e:
        message = _explain(str(e.args[0]) if e.args else "")
        if message is None:
            raise
        raise ConfigError(message) from e


def _explain(error: str) -> str | None:
    if match := _UNKNOWN_ARGUMENT.search(error):
        cls, argument = match.groups()
        return f"config: {cls} has no argument {argument!r}{near(argument, _arguments(cls))}"
    if match := _MISSING_ARGUMENT.search(error):
        return f"config: {match[1]} needs the argument {match[2]}"
    if match := _UNKNOWN_NAME.search(error):
        name, kind = match.groups()
        return f"config: type={name!r} is no {kind} known here{near(name, _names(kind))}"
    return None


def _registries() -> list[Registry]:
    found = [*vars(project_registries).values(), *vars(mmengine_registries).values()]
    return [r for r in found if isinstance(r, Registry)]


def _names(kind: str) -> set[str]:
    return {name for r in _registries() if r.name == kind for name in r.module_dict}


def _arguments(class_name: str) -> set[str]:
    """Arguments of the constructors of a registered class and of its subclasses' bases."""
    names: set[str] = set()
    for r in _registries():
        for cls in r.module_dict.values():
            if inspect.isclass(cls) and class_name in [c.__name__ for c in cls.__mro__]:
                names |= _own_arguments(cls)
    return names


def _own_arguments(cls: type[Any]) -> set[str]:
    return {
        p.name
        for c in cls.__mro__
        if "__init__" in vars(c) and c is not object
        for p in inspect.signature(vars(c)["__init__"]).parameters.values()
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.name != "self"
    }
