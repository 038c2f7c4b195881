"""Trainings as curves: a panel a measurement, a colour a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from mmaction.evaluation.figures import COLORS, DPI, FAINT_INK, NOTHING, plain_text
from mmaction.evaluation.run_log import RunLog, Series
from mmaction.evaluation.smoothing import running_mean, window_of

LINES = ("-", "--", ":", "-.")
MOST_COLUMNS = 3
PANEL_INCHES = (5.0, 3.4)


def curves_figure(runs: Sequence[RunLog], keys: Sequence[str], names: Sequence[str]) -> Figure:
    """Draws the keys as panels; a run that lacks a key is left out of its panel.

    Training: over steps, the values as logged pale behind their running mean (``window_of``).
    Validation: over epochs, a dot each. A key that both log is shown of training.

    Args:
        runs: What was logged.
        keys: Of ``RunLog.keys``.
        names: Of the runs, for the legend.
    """
    columns = min(len(keys), MOST_COLUMNS)
    rows = -(-len(keys) // columns)
    width, height = PANEL_INCHES
    size = (columns * width, rows * height + 0.5)
    figure = Figure(figsize=size, dpi=DPI, layout="constrained", facecolor="white")
    panels = figure.subplots(rows, columns, squeeze=False).flat
    for ax, key in zip(panels, keys, strict=False):
        _draw_panel(ax, runs, key)
    for ax in list(panels)[len(keys) :]:
        ax.set_visible(False)
    handles = [
        Line2D([], [], label=plain_text(name, 60), linewidth=1.8, **_style(number))
        for number, name in enumerate(names)
    ]
    figure.legend(handles=handles, loc="outside lower center", ncols=min(len(handles), columns + 1))
    return figure


def _draw_panel(ax: Any, runs: Sequence[RunLog], key: str) -> None:
    training = any(key in run.training for run in runs)
    dots = 0
    for number, run in enumerate(runs):
        series = (run.training if training else run.validation).get(key)
        if series is None:
            continue
        if training:
            _draw_training(ax, series, number)
        else:
            dots = max(dots, len(series.steps))
            marker = dict(marker="o", markersize=4, clip_on=False)
            ax.plot(series.steps, series.values, linewidth=1.4, **marker, **_style(number))
    ax.set_title(plain_text(key, 50), fontsize=11)
    said = "step (pale: as logged)" if training else "epoch"
    ax.set_xlabel(said, fontsize=9, color=FAINT_INK)
    ax.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))
    ax.tick_params(labelsize=8)
    ax.grid(color=NOTHING, linewidth=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)
    ax.margins(x=0.02)
    if "top1" in key or "top5" in key or "mean_class" in key:
        ax.set_ylim(0, 1.02)


def _draw_training(ax: Any, series: Series, number: int) -> None:
    style = _style(number)
    smooth = running_mean(series.values, window_of(len(series.values)))
    if not np.array_equal(smooth, series.values, equal_nan=True):
        ax.plot(series.steps, series.values, color=style["color"], alpha=0.3, linewidth=0.8)
    # A single value makes no line.
    marker = "o" if len(smooth) == 1 else None
    ax.plot(series.steps, smooth, linewidth=1.8, marker=marker, **style)


def _style(number: int) -> dict[str, Any]:
    """A colour a run; where they are used up, another kind of line."""
    kind = number // len(COLORS) % len(LINES)
    return dict(color=COLORS[number % len(COLORS)], linestyle=LINES[kind])
