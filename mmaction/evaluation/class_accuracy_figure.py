"""Every class's accuracy as a picture: a line a class, a dot a branch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from mmaction.evaluation.class_accuracy import ClassAccuracy
from mmaction.evaluation.figures import (
    COLORS,
    DPI,
    FAINT_INK,
    INK,
    NOTHING,
    plain_text,
    text_width,
    write_title,
)

MARGIN, GAP, TRACK = 0.25, 0.15, 2.4  # inches
TITLE_HEIGHT, AXIS_HEIGHT = 0.95, 0.45
LEAST_WIDTH = 6.0
MARKERS = ("o", "D")


def class_accuracy_figure(
    found: Sequence[ClassAccuracy], names: Sequence[str], title: str
) -> Figure:
    """Draws classes in the given order, column after column: name, dots from 0 to 100 %, counts.

    Args:
        found: As ``class_accuracies`` gives them.
        names: K class names, by label.
        title: Stands on top.
    """
    points, row_height, longest = (9.0, 0.22, 40) if len(found) <= 60 else (7.0, 0.15, 60)
    if len(found) > 200:
        longest = 100
    columns = -(-len(found) // longest)
    rows = -(-len(found) // columns)
    labels = [plain_text(names[one.label]) for one in found]
    counts = [_counts(one) for one in found]
    label_room, count_room = text_width(labels, points) + GAP, text_width(counts, points) + GAP
    column_width = label_room + TRACK + count_room + 2 * GAP
    width = max(columns * column_width + 2 * MARGIN, LEAST_WIDTH)
    height = TITLE_HEIGHT + rows * row_height + AXIS_HEIGHT + MARGIN
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white")
    for column in range(columns):
        part = slice(column * rows, (column + 1) * rows)
        left = MARGIN + column * column_width + label_room
        bottom = MARGIN + AXIS_HEIGHT
        box = (left / width, bottom / height, TRACK / width, rows * row_height / height)
        ax = figure.add_axes(box)
        _draw_column(ax, found[part], labels[part], counts[part], rows=rows, points=points)
    branches = list(found[0].right)
    write_title(figure, title, margin_inches=MARGIN)
    figure.legend(
        handles=[
            Line2D([], [], linestyle="", **_style(n), label=b) for n, b in enumerate(branches)
        ],
        loc="upper left",
        bbox_to_anchor=(MARGIN / 2 / width, 1 - (MARGIN + 0.3) / height),
        ncols=len(branches),
        frameon=False,
        fontsize=9,
    )
    return figure


def _counts(one: ClassAccuracy) -> str:
    """``19, 18 of 20``: right by each branch, of how many; a dash for a class without videos."""
    right = ", ".join(str(count) for count in one.right.values())
    return f"{right} of {one.videos}" if one.videos else "no videos"


def _style(number: int) -> dict[str, Any]:
    """Filled and round, or hollow and square on its corner: not by colour alone."""
    color = COLORS[number]
    filled = number == 0
    return dict(
        marker=MARKERS[number],
        markersize=5 if filled else 6,
        markeredgecolor=color,
        markerfacecolor=color if filled else "none",
    )


def _draw_column(
    ax: Any,
    found: Sequence[ClassAccuracy],
    labels: Sequence[str],
    counts: Sequence[str],
    *,
    rows: int,
    points: float,
) -> None:
    ax.hlines(range(len(found)), 0, 100, color=NOTHING, linewidth=0.8, zorder=1)
    for number, branch in enumerate(found[0].right):
        dots = [(one.accuracy(branch), row) for row, one in enumerate(found)]
        shown = [(100 * share, row) for share, row in dots if share is not None]
        x, y = [share for share, _ in shown], [row for _, row in shown]
        ax.plot(x, y, linestyle="", zorder=2 + number, clip_on=False, **_style(number))
    for row, text in enumerate(counts):
        ax.annotate(
            text,
            (100, row),
            xytext=(10, 0),
            textcoords="offset points",
            fontsize=points,
            color=FAINT_INK,
            va="center",
        )
    ax.set_yticks(range(len(found)), labels, fontsize=points)
    ax.set_xticks((0, 50, 100), ("0", "50", "100 %"), fontsize=8)
    ax.tick_params(length=0, colors=INK)
    ax.set_xlim(0, 100)
    ax.set_ylim(rows - 0.5, -0.5)
    ax.grid(axis="x", color=NOTHING, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[:].set_visible(False)
