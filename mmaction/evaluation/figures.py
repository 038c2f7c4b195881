"""What all pictures of this package share: colours, text that can't break them, saving."""

from __future__ import annotations

import os
import warnings

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.textpath import TextPath

from mmaction.files import atomic_path

# Of M. Okabe & K. Ito and P. Tol: told apart by colour-blind people too.
COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#882255",
)  # fmt: skip
INK, FAINT_INK, NOTHING = "#1a1c20", "#626872", "#e4e6e9"
DPI = 110
MOST_LETTERS = 36
POINTS_PER_INCH = 72
TITLE_POINTS = 12
MOST_MEASURED = 20


def plain_text(text: str, most: int = MOST_LETTERS) -> str:
    """A name as matplotlib can set it: one line, no formula in it, its middle left out if long."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[-(most - most // 2 - 1) :]}"
    return text.replace("$", r"\$")


def text_width(texts: list[str], size: float) -> float:
    """Width in inches of the widest of some texts of ``size`` points.

    Measured are those of the most letters: one that is wider in spite of fewer is hardly so.
    """
    texts = sorted(texts, key=len)[-MOST_MEASURED:]
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing")
        widths = [TextPath((0, 0), text, size=size).get_extents().width for text in texts if text]
    return max(widths, default=0.0) / POINTS_PER_INCH


def write_title(figure: Figure, text: str, *, margin_inches: float) -> None:
    """Sets a title into the upper left corner."""
    width, height = figure.get_size_inches()
    x, y = margin_inches / width, 1 - margin_inches / height
    # A letter is about six tenths of its size wide.
    fitting = int((width - 2 * margin_inches) * POINTS_PER_INCH / (0.62 * TITLE_POINTS))
    figure.text(x, y, plain_text(text, fitting), fontsize=TITLE_POINTS, color=INK, va="top")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure in the format of the name's ending, whole or not at all."""
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(temporary)
