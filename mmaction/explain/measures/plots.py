"""Curves of insertion and deletion, and of the cascade, as pictures."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from mmaction.explain.measures.bootstrap import bootstrap_mean
from mmaction.explain.measures.table import MeasureTable
from mmaction.files import atomic_path

# Of P. Tol and M. Okabe & K. Ito: told apart by colour-blind people too. Markers tell as well.
_COLORS = (
    "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#332288", "#882255",
)  # fmt: skip
_MARKERS = "osD^vPX*<>"
_CONTROL_COLOR = "#777777"
CONTROLS = ("random", "center", "blurred_random")
_DPI = 110
_RESAMPLES = 1000


def write_plots(table: MeasureTable, folder: Path) -> None:
    """Writes ``curves_<domain>.png``, one for each domain of ``table.curves``, and ``sanity.png``.

    Lines are means over videos, bands their 95 % intervals.
    """
    for domain in {name for found in table.curves.values() for name in found}:
        _save(_curves(table, domain), folder / f"curves_{domain}.png")
    if table.stages:
        _save(_cascade(table), folder / "sanity.png")


def _curves(table: MeasureTable, domain: str) -> Figure:
    """Insertion and deletion (columns) by MoRF and LeRF (rows), a line an explainer."""
    figure = Figure(figsize=(11, 8), layout="constrained")
    axes = figure.subplots(2, 2, sharex=True, sharey=True)
    for row, (order, said) in enumerate((("morf", "most"), ("lerf", "least"))):
        for column, (kind, doing) in enumerate(
            (("insertion", "inserted"), ("deletion", "removed"))
        ):
            ax = axes[row, column]
            ax.set_title(f"{kind}, {said} relevant first", fontsize=11)
            for number, (name, found) in enumerate(table.curves.items()):
                if domain in found:
                    points = found[domain]
                    _line(ax, points["fractions"], points[f"{kind}_{order}"], name, number)
            if row == 1:
                ax.set_xlabel(f"share {doing}")
            if column == 0:
                ax.set_ylabel("probability of the predicted class")
            ax.set_xlim(0, 1)
            ax.set_ylim(0, 1)
            ax.grid(alpha=0.25)
    handles, labels = axes[0, 0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(len(labels), 5))
    videos = len(table.videos)
    figure.suptitle(f"{domain}: mean of {videos} videos, 95 % intervals", fontsize=13)
    return figure


def _cascade(table: MeasureTable) -> Figure:
    figure = Figure(figsize=(11, 5.5), layout="constrained")
    ax = figure.subplots()
    for number, (name, found) in enumerate(table.stages.items()):
        values = np.stack(list(found.values()), axis=1)
        # At the left the trained network: each map correlates with itself.
        values = np.concatenate([np.ones_like(values[:, :1]), values], axis=1)
        _line(ax, np.arange(values.shape[1]), values, name, number)
    stages = ["trained", *next(iter(table.stages.values()))]
    ax.set_xticks(range(len(stages)), stages, rotation=40, ha="right", fontsize=9)
    ax.set_ylabel("rank correlation of the maps")
    ax.set_xlabel("random from the top down to …")
    ax.set_ylim(-1.05, 1.05)
    ax.grid(alpha=0.25)
    ax.legend(loc="lower left", fontsize=9)
    ax.set_title(
        "Does the map depend on what was learned? Correlation with the trained network's",
        fontsize=13,
    )
    return figure


def _line(ax: Any, x: np.ndarray, values: np.ndarray, name: str, number: int) -> None:
    """The mean of ``values`` (N×S) over ``x`` (S), with its band."""
    intervals = [bootstrap_mean(column, resamples=_RESAMPLES) for column in values.T]
    control = name.partition(":")[0] in CONTROLS
    style = dict(
        color=_CONTROL_COLOR if control else _COLORS[number % len(_COLORS)],
        linestyle=("--", ":", "-.")[number % 3] if control else "-",
    )
    marker = _MARKERS[number % len(_MARKERS)]
    ax.plot(x, [i.mean for i in intervals], label=name, marker=marker, markersize=4, **style)
    lows, highs = [i.low for i in intervals], [i.high for i in intervals]
    ax.fill_between(x, lows, highs, color=style["color"], alpha=0.12, linewidth=0)


def _save(figure: Figure, path: Path) -> None:
    FigureCanvasAgg(figure)
    with atomic_path(path) as temporary:
        figure.savefig(temporary, dpi=_DPI)
