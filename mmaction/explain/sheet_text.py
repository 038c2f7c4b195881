"""The font of sheets and films, and texts that fit their room."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import matplotlib
from PIL import ImageFont

SMALL, NORMAL, LARGE = 13, 17, 24


@cache
def font(size: int) -> ImageFont.FreeTypeFont:
    """Return DejaVu Sans, which comes with matplotlib and knows accents, Greek and Cyrillic.

    A character that it doesn't know is drawn as a box.
    """
    path = Path(matplotlib.get_data_path(), "fonts", "ttf", "DejaVuSans.ttf")
    return ImageFont.truetype(str(path), size)


def fitted(text: str, size: int, width: float) -> str:
    """Make text one printable line, leaving out its middle where it is too long.

    Args:
        text: Anything.
        size: Of the font.
        width: At most so many pixels.
    """
    text = text.encode("utf-8", "replace").decode("utf-8")
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    # A letter is seldom narrower than a fifth of its size: more of them can't fit anyway.
    most = int(5 * width / size) + 2
    if len(text) <= most and font(size).getlength(text) <= width:
        return text
    for kept in range(min(most, len(text) - 1), 0, -1):
        short = text[: (kept + 1) // 2] + "…" + text[len(text) - kept // 2 :]
        if font(size).getlength(short) <= width:
            return short
    return "…"
