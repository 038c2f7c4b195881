"""What the files beside a page say, as its scripts read them."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any


def page_data(page: Path) -> dict[str, Any]:
    """Of all videos that a page lists."""
    text = page.read_text(encoding="utf-8")
    return json.loads(re.search(r'id="data">(.*?)</script>', text, re.DOTALL)[1])


def player_data(folder: Path) -> dict[str, Any]:
    """Of the video in a directory."""
    text = (folder / "player.js").read_text(encoding="ascii")
    assert text.startswith("explained(")
    assert text.endswith(");\n")
    return json.loads(text[len("explained(") : -3])
