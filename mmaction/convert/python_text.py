"""A config as the text of a Python file, with a comment at each change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mmaction.convert.migration.former import Changed

_STYLE = dict(
    based_on_style="facebook", column_limit=100, blank_lines_around_top_level_definition=0
)


def as_python(sections: Mapping[str, Any]) -> str:
    """The text, an assignment for each section, laid out by yapf, as mmengine's dumps are.

    Args:
        sections: Of dicts, lists, ``Changed`` and what ``repr`` can tell. Above a ``Changed``
            stands ``# was: …``.
    """
    # Not at the top: processes that import it for the first time at once can break each other.
    from yapf.yapflib.yapf_api import FormatCode

    plain = "".join(f"{_entry(f'{name} = ', value)}\n" for name, value in sections.items())
    text: str = FormatCode(plain, style_config=_STYLE)[0]
    return text


def _entry(name: str, value: Any) -> str:
    if isinstance(value, Changed):
        return f"\n# was: {value.was}\n{name}{python_text(value.value)}"
    return name + python_text(value)


def python_text(value: Any) -> str:
    """A value as Python, on one line but for comments of changes within."""
    # A map of class numbers is written with braces.
    if isinstance(value, Mapping) and all(isinstance(k, str) and k.isidentifier() for k in value):
        return f"dict({', '.join(_entry(f'{key}=', part) for key, part in value.items())})"
    if isinstance(value, list):
        return f"[{', '.join(_entry('', part) for part in value)}]"
    text = repr(value)
    if isinstance(value, str) and '"' not in text and "\\" not in text:
        return f'"{text[1:-1]}"'
    return text
