"""Confusions as a picture, from two classes to hundreds."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any

import matplotlib
import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import LinearSegmentedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from mmaction.evaluation.confusion import row_shares
from mmaction.files import atomic_path

INK, FAINT_INK, NOTHING = "#1a1c20", "#626872", "#e4e6e9"
DPI = 110
MOST_LETTERS = 36
LIGHTEST = 0.14  # of the colours: one video among many still stands out from none
DARK = 0.55  # shares from here on take white figures
MOST_DIGITS = 5  # that fit into a cell
# Up to so many classes: a cell's side in inches, and letters' sizes in points, 0 for none.
SCALES = ((20, 0.5, 10, 9), (60, 0.35, 8, 7), (200, 13 / DPI, 6.5, 0), (np.inf, 4 / DPI, 0, 0))


def confusion_figure(matrix: np.ndarray, names: Sequence[str], title: str) -> Figure:
    """Draws rows of true classes over columns of answers.

    Colour is the share of the true class's videos, a single hue from light to dark, white for none;
    figures are numbers of videos. Names stand at the sides for up to 200 classes, counts in the
    cells for up to 60, where they fit; beyond, class numbers at round steps.

    Args:
        matrix: int, K×K, as ``confusion_matrix`` makes it.
        names: K class names.
        title: Stands on top.
    """
    classes = len(matrix)
    _, cell, points, count_points = next(scale for scale in SCALES if classes <= scale[0])
    side = max(cell * classes, 3.0)
    # The axes fill the figure; what stands around them comes on when it is saved.
    figure = Figure(figsize=(side, side), dpi=DPI, facecolor="white")
    ax = figure.add_axes((0, 0, 1, 1))
    ax.set_title(plain_text(title, 200), loc="left", color=INK)
    ax.tick_params(length=0, colors=INK)
    ax.spines[:].set_visible(False)
    shares = row_shares(matrix)
    blues = matplotlib.colormaps["Blues"](np.linspace(LIGHTEST, 1, 256))
    colors = LinearSegmentedColormap.from_list("shares", blues)
    image = ax.imshow(
        shares,
        cmap=colors.with_extremes(under="white", bad=NOTHING),
        vmin=0.5 / max(matrix.sum(), 1),  # below the share of a single video
        vmax=1,
        interpolation="nearest",
    )
    beside = figure.add_axes((1 + 0.2 / side, 0, 0.2 / side, min(4.0 / side, 0.9)))
    bar = figure.colorbar(image, cax=beside, format="{x:.0%}")
    bar.set_label("share of the true class; white: none", color=FAINT_INK)
    if points:
        videos = matrix.sum(axis=1)
        rows = [f"{plain_text(name)}  {n}" for name, n in zip(names, videos, strict=True)]
        ax.set_xticks(range(classes), map(plain_text, names), rotation=90, fontsize=points)
        ax.set_yticks(range(classes), rows, fontsize=points)
    else:
        numbers = range(0, classes, 20 * -(-classes // 500))
        ax.set_xticks(numbers, map(str, numbers), rotation=90)
        ax.set_yticks(numbers)
    ax.set_xlabel("answer" if points else "answer (class number)")
    ax.set_ylabel("true class and its videos" if points else "true class (class number)")
    if count_points and len(str(matrix.max())) <= MOST_DIGITS:
        style: dict[str, Any] = dict(fontsize=count_points, ha="center", va="center")
        for row, column in np.argwhere(matrix):
            color = "white" if shares[row, column] >= DARK else INK
            ax.text(column, row, str(matrix[row, column]), color=color, **style)
    if np.isnan(shares).any():
        grey = Patch(facecolor=NOTHING, label="no videos")
        figure.legend(handles=[grey], loc="upper right", bbox_to_anchor=(0, 0), frameon=False)
    return figure


def plain_text(text: str, most: int = MOST_LETTERS) -> str:
    """A name as matplotlib can set it: one line, no formula in it, its middle left out if long."""
    text = "".join(letter if letter.isprintable() else " " for letter in text)
    if len(text) > most:
        text = f"{text[: most // 2]}…{text[most // 2 + 1 - most :]}"
    return text.replace("$", r"\$")


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a figure, with all that stands around its axes, whole or not at all."""
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary, warnings.catch_warnings():
        # A letter that the font lacks is drawn as a box.
        warnings.filterwarnings("ignore", "Glyph .* missing")
        figure.savefig(temporary, bbox_inches="tight")
