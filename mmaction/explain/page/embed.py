"""Putting data into HTML and scripts so that it stays data."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from importlib.resources import files
from typing import Any
from urllib.parse import quote

import numpy as np

# "<" would end a script or start a comment in HTML. Everything beyond ASCII, U+2028 and halves of
# surrogate pairs among it, is escaped by json itself.
_ESCAPED = {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026"}


def script_json(data: Any) -> str:
    """Return JSON in ASCII that is safe inside a script, in HTML as in a file of its own.

    Raises:
        ValueError: where ``data`` holds NaN or infinity, which JSON has no words for.
    """
    text = json.dumps(data, ensure_ascii=True, allow_nan=False, separators=(",", ":"))
    return re.sub("[<>&]", lambda match: _ESCAPED[match[0]], text)


def base64_text(data: bytes | np.ndarray) -> str:
    """Return bytes, or an array's, as base64."""
    raw = data if isinstance(data, bytes) else data.tobytes()
    return base64.b64encode(raw).decode("ascii")


def relative_url(path: str) -> str:
    """Return a relative URL of a path with slashes; names that aren't UTF-8 keep their bytes."""
    # "./" keeps a name such as "a:b" from being read as a scheme.
    return "./" + quote(path, errors="surrogateescape")


def filled(template: str, fields: Mapping[str, str]) -> str:
    """Put values in the places of ``@name@``, in one pass: one that looks like a name stays."""
    names = "|".join(fields)
    return re.sub(f"@({names})@", lambda match: fields[match[1]], template)


def page_part(name: str) -> str:
    """Read one of the files beside this module."""
    return files("mmaction.explain.page").joinpath(name).read_text(encoding="utf-8")
