"""A config as the text of a Python file, with a comment at each change."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping
from typing import Any

from mmaction.convert.migration.former import Changed

_WIDTH = 100
_INDENT = "    "


def as_python(sections: Mapping[str, Any]) -> str:
    """The text, an assignment for each section.

    Args:
        sections: Of dicts, lists, ``Changed`` and what ``repr`` can tell. Above a ``Changed``
            stands ``# was: …``.
    """
    return "".join(_entry(name, value, " = ", "\n", "") for name, value in sections.items())


def _entry(name: str, value: Any, equals: str, end: str, indent: str) -> str:
    """``name = value`` or ``name=value,`` on lines of its own, below its comment."""
    comment = f"{indent}# was: {value.was}\n" if isinstance(value, Changed) else ""
    text = _text(value.value if comment else value, indent, len(name) + len(equals) + 1)
    return f"{comment}{indent}{name}{equals}{text}{end}"


def _text(value: Any, indent: str, used: int) -> str:
    """On one line where it fits and no change is within, else a line for each part."""
    flat = on_one_line(value)
    if flat is not None and len(indent) + used + len(flat) <= _WIDTH:
        return flat
    inner = indent + _INDENT
    if _is_keywords(value):
        parts = (_entry(key, part, "=", ",\n", inner) for key, part in value.items())
        return f"dict(\n{''.join(parts)}{indent})"
    if isinstance(value, list) and all(isinstance(part, int | float) for part in value):
        told = ", ".join(map(repr, value)) + ","
        lines = textwrap.fill(told, _WIDTH, initial_indent=inner, subsequent_indent=inner)
        return f"[\n{lines}\n{indent}]"
    if isinstance(value, list):
        parts = (_entry("", part, "", ",\n", inner) for part in value)
        return f"[\n{''.join(parts)}{indent}]"
    return repr(value)


def on_one_line(value: Any) -> str | None:
    """The value as Python on one line; None where a change within wants its comment."""
    if isinstance(value, Changed):
        return None
    if _is_keywords(value):
        parts = [(f"{key}=", on_one_line(part)) for key, part in value.items()]
        opening, closing = "dict(", ")"
    elif isinstance(value, list):
        parts = [("", on_one_line(part)) for part in value]
        opening, closing = "[", "]"
    else:
        return _quoted(value)
    if any(text is None for _, text in parts):
        return None
    return opening + ", ".join(f"{name}{text}" for name, text in parts) + closing


def _is_keywords(value: Any) -> bool:
    """Whether ``dict(…)`` can say it; a map of class numbers is written with braces."""
    return isinstance(value, Mapping) and all(
        isinstance(key, str) and key.isidentifier() for key in value
    )


def _quoted(value: Any) -> str:
    text = repr(value)
    if isinstance(value, str) and '"' not in text and "\\" not in text:
        return f'"{text[1:-1]}"'
    return text
